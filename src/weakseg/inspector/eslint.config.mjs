// Limits on the page's scripts; `tsc` checks the rest.
export default [
  {
    files: ["static/js/**/*.js"],
    rules: {
      "max-lines": ["error", 200],
      "max-lines-per-function": ["error", 40],
      "max-len": ["error", 110],
    },
  },
];
