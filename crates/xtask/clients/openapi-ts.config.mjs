export default {
  input: "../openapi.json",
  output: { path: "generated", module: { extension: ".js" } },
  // What follows is for tests: no log beside the code, and nothing said but errors.
  logs: { file: false, level: "silent" },
};
