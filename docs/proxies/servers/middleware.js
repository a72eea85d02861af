// http-proxy-middleware in Express, in front of the clock, which serves HTTP on port
// 8000: one path for each setting. docs/symptoms.rst shows how to run it, and what each
// setting does.
const compression = require("compression");
const express = require("express");
const {
  createProxyMiddleware,
  responseInterceptor,
} = require("http-proxy-middleware");

const proxy = (path, settings) =>
  createProxyMiddleware({
    target: "http://127.0.0.1:8000",
    pathFilter: path,
    pathRewrite: { [`^${path}`]: "" },
    ...settings,
  });

const app = express();

const main = proxy("/default", {});
app.use(main);

// A response that is changed is collected first.
const intercepted = responseInterceptor(async (body) => body);
app.use(
  proxy("/interceptor", {
    selfHandleResponse: true,
    on: { proxyRes: intercepted },
  }),
);

app.use(proxy("/timeout", { proxyTimeout: 800 }));

app.use("/compression", compression());
app.use(proxy("/compression", {}));

const server = app.listen(8081, "127.0.0.1");

// Express does not see the request of a WebSocket.
server.on("upgrade", main.upgrade);
