// Stands for a package that is left out: whatever is asked of it is itself.
const nothing = new Proxy(function () {}, {
  get: (_, key) => (key === '__esModule' ? false : nothing),
  apply: () => nothing,
  construct: () => ({}),
});
module.exports = nothing;
