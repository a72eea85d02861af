// An event stream of Express behind the middleware "compression": one path for each
// setting. docs/symptoms.rst shows how to run it, and what each setting does.
const compression = require("compression");
const express = require("express");

// Send the time each second. `after` is called after each event.
function stream(response, headers, after = () => {}) {
  response.writeHead(200, { "Content-Type": "text/event-stream", ...headers });
  const send = () => {
    response.write(`data: ${new Date().toISOString()}\n\n`);
    after();
  };
  send();
  const timer = setInterval(send, 1000);
  response.on("close", () => clearInterval(timer));
}

const app = express();

app.get("/uncompressed/events", (request, response) => stream(response, {}));

app.use(compression());

app.get("/compressed/events", (request, response) => stream(response, {}));

app.get("/flush/events", (request, response) =>
  stream(response, {}, () => response.flush()),
);

app.get("/no-transform/events", (request, response) =>
  stream(response, { "Cache-Control": "no-cache, no-transform" }),
);

app.listen(8081, "127.0.0.1");
