// webpack-dev-server in front of the clock, which serves HTTP on port 8000, with its
// default, which compresses, on port 8081, and without compression on port 8082.
// docs/symptoms.rst shows how to run it, and what each setting does.
const server = (port, settings) => ({
  name: `port-${port}`,
  mode: "development",
  entry: {},
  devServer: {
    host: "127.0.0.1",
    port,
    proxy: [
      { context: ["/lines", "/events"], target: "http://127.0.0.1:8000" },
      { context: ["/socket"], target: "http://127.0.0.1:8000", ws: true },
    ],
    ...settings,
  },
});

module.exports = [server(8081, {}), server(8082, { compress: false })];
