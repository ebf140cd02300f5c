"""The teachers page: each teacher, a test call, and the form that adds one."""
