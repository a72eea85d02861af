// The development server of vite, in front of the clock, which serves HTTP on port
// 8000. docs/symptoms.rst shows how to run it, and what each setting does.
export default {
  clearScreen: false,
  server: {
    host: "127.0.0.1",
    port: 8081,
    strictPort: true,
    proxy: {
      "/default": {
        target: "http://127.0.0.1:8000",
        rewrite: (path) => path.replace("/default", ""),
        ws: true,
      },
      "/timeout": {
        target: "http://127.0.0.1:8000",
        rewrite: (path) => path.replace("/timeout", ""),
        proxyTimeout: 800,
      },
    },
  },
};
