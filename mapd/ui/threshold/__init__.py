"""The threshold page: the policy lab, and what a change of policy adds and drops."""
