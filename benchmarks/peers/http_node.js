// An event stream on Node's http, with an interval for each client.
"use strict";

const http = require("node:http");

const server = http.createServer((request, response) => {
  if (request.url !== "/events") {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
  });
  let number = 0;
  const send = () => {
    const now = new Date().toTimeString().slice(0, 8);
    response.write(`id: ${number}\ndata: ${now}\n\n`);
    number += 1;
  };
  send();
  const interval = setInterval(send, 1000);
  response.on("close", () => clearInterval(interval));
});

server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(server.address().port);
});
