// Where the page is: at the root of a host, or below a path of one, wherever its scripts came from.

const ROOT = new URL("..", import.meta.url).pathname;

// The address of a path of the daemon, such as "api/v1/jobs" or "jobs/7"; of nothing, the page's own.
export const at = (path = "") => `${ROOT}${path}`;

// The path of the view that is shown, as the daemon calls it: "/" or "/jobs/7".
export const view = () => `/${location.pathname.slice(ROOT.length)}`;
