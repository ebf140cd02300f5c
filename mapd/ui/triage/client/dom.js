// Elements made of text and attributes alone: no markup is parsed here, so foreign text stays text.
//
//   element("button.mapd-act", { type: "button", onclick: press }, element("kbd", "a"), "accept")
//   patch(node, drawPage(triage))    // the node shows the page as it is now

const PROPERTIES = ["value", "identity", "onclick", "onchange", "oninput", "onkeydown", "onload"];
const HANDLERS = PROPERTIES.filter((name) => name.startsWith("on"));

// A tag with its classes, attributes if there are any, children. What is null or false is left out. `identity` tells a
// thing from another of its kind; `--c` is a variable of the style.
export function element(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  const attributes = parts[0]?.constructor === Object ? parts.shift() : {};
  node.append(...parts.flat(Infinity).filter((part) => isPresent(part) && part !== ""));
  for (const [name, value] of Object.entries(attributes)) {
    if (PROPERTIES.includes(name)) node[name] = value;
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (isPresent(value)) node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

const isPresent = (part) => part !== null && part !== undefined && part !== false;

// Makes a node like a fresh one. What is alike stays the node that it is, so that focus, selection, scrolling, what was
// typed and what was unfolded stay, and a screen reader says nothing twice.
export function patch(node, fresh) {
  if (node.matches("select:focus")) return; // somebody chooses
  for (const { name } of [...node.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const name of HANDLERS) node[name] = fresh[name];
  const children = [...node.childNodes];
  for (const child of [...fresh.childNodes]) {
    const at = children.findIndex((old) => isAlike(old, child));
    if (at < 0) {
      node.insertBefore(child, children[0] ?? null);
      continue;
    }
    for (const old of children.splice(0, at)) old.remove();
    const old = children.shift();
    if (old.nodeType === Node.ELEMENT_NODE) patch(old, child);
    else if (old.data !== child.data) old.data = child.data;
  }
  for (const old of children) old.remove();
  if (node.matches("select")) node.value = fresh.value;
}

// A text's passage is never changed in part: a selection would then be of something else.
function isAlike(old, fresh) {
  return old.nodeName === fresh.nodeName && old.identity === fresh.identity
    && old.classList?.[0] === fresh.classList?.[0]
    && (fresh.className !== "mapd-text" || old.isEqualNode(fresh));
}
