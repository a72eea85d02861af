"use strict";

// The page shows what the server sends, and no clock of the browser's. The stream
// "status/events" says how each clock is, and who is served and who waits. Each pane
// reads one stream of lines, "events", and is a client like any other.

// A browser opens only six connections to one server. The status needs one.
const MAX_PANES = 4;

const MAX_LINES = 100;

// Milliseconds from a failure to the next attempt.
const RETRY_DELAY = 3000;

// Milliseconds between two announcements of how many clients there are.
const COUNTS_PAUSE = 5000;

// By zone and mode.
const clocks = new Map();

// Fill in the texts of the document, and of its templates.
function translate(root) {
  for (const element of root.querySelectorAll("[data-text], [data-title]")) {
    const { text, title, placeholder } = element.dataset;
    if (text) element.textContent = texts[text];
    if (title) element.title = texts[title];
    if (placeholder) element.placeholder = texts[placeholder];
  }
}

translate(document);
for (const { content } of document.querySelectorAll("template")) translate(content);

// A page in one language leads to the other one.
const link = document.getElementById("language");
const otherLanguage = language === "en" ? "zh" : "en";
link.href = `?lang=${otherLanguage}`;
link.lang = LANGUAGES[otherLanguage].tag;

function amount(number) {
  return number.toLocaleString("en");
}

function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function duration(seconds) {
  const [s, m, h, d] = [1, 60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  const say = (number, unit) => texts.duration(number, texts.units[unit]);
  const then = (number, unit) => say(String(number).padStart(2, "0"), unit);
  if (!m) return say(s, "s");
  if (!h) return `${say(m, "min")} ${then(s % 60, "s")}`;
  if (!d) return `${say(h, "h")} ${then(m % 60, "min")}`;
  return `${say(d, "d")} ${then(h % 24, "h")}`;
}

// Read a stream of events until it is closed. An EventSource connects again by itself
// after the end of a response, but gives up after an HTTP error, such as a proxy's 502.
function follow(path, query, { opened, lost, events }) {
  const url = new URL(path, document.baseURI);
  url.search = new URLSearchParams(query);
  let source, timer;
  function connect() {
    source = new EventSource(url);
    source.onopen = opened;
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        timer = setTimeout(connect, RETRY_DELAY);
      }
      lost();
    };
    for (const [name, received] of Object.entries(events)) {
      source.addEventListener(name, (event) => received(event.data));
    }
  }
  function close() {
    clearTimeout(timer);
    source.close();
    removeEventListener("pagehide", close);
  }
  connect();
  // Chromium keeps a page that is left, and its connections, of which it opens only six.
  addEventListener("pagehide", close);
  return { close };
}

// A page that was left, and is shown again, has no connections.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

// What a screen reader says: the changes, and those that come together at once.
const news = {
  texts: [],
  say(text) {
    if (!this.texts.length) setTimeout(() => this.publish(), 200);
    this.texts.push(text);
  },
  publish() {
    document.getElementById("news").textContent = this.texts.join(" ");
    this.texts = [];
  },
};

// One client of the page, in a small terminal.
class Pane {
  constructor(clock, shape) {
    this.clock = clock;
    this.shape = shape;
    this.element = copyOf("pane");
    this.screen = this.element.querySelector("pre");
    this.button = this.element.querySelector("button");
    this.button.addEventListener("click", () => (this.ended ? this.remove() : this.end()));
    this.number = null;
    this.place = 0;
    this.turn = "connecting";
    this.count = 0;
    this.lastShown = null;
    this.reconnected = false;
    this.type();
    this.draw();
    clock.element.querySelector(".panes").append(this.element);
    const { key: zone, mode } = clock;
    this.stream = follow("events", { zone, mode, number: 1, ...shape }, {
      opened: () => this.opened(),
      lost: () => this.lost(),
      events: {
        client: (number) => this.numbered(Number(number)),
        message: (line) => this.received(line),
      },
    });
  }

  get ended() {
    return this.turn === "ended" || this.turn === "complete";
  }

  get name() {
    return this.number === null
      ? texts.clientWithoutNumber
      : texts.clientWithNumber(this.number);
  }

  // Each clock numbers its clients.
  get fullName() {
    return clocks.size > 1 ? texts.clientOfClock(this.name, this.clock.name) : this.name;
  }

  opened() {
    if (this.turn === "lost") {
      this.type();
      this.reconnected = true;
    }
    this.turn = "connected";
    this.place = 0;
    this.count = 0;
    this.draw();
  }

  numbered(number) {
    this.number = number;
    this.draw();
  }

  // After a reconnection, the first line may show the second that was shown last.
  received(line) {
    const shown = this.clock.second(line);
    if (!(this.reconnected && shown === this.lastShown)) this.write(line);
    this.reconnected = false;
    this.lastShown = shown;
    if (this.turn !== "served") {
      this.turn = "served";
      news.say(texts.isServed(this.fullName));
      this.draw();
    }
    this.count += 1;
    if (this.count === this.shape.lines) this.complete();
  }

  // An EventSource would ask for the same stream again.
  complete() {
    this.stream.close();
    this.turn = "complete";
    this.write(texts.streamComplete, "note");
    news.say(texts.isComplete(this.fullName));
    this.draw();
    drawOffers();
  }

  // The place in the queue, from the status; 0 for one beyond those that it lists.
  waits(place) {
    if (this.turn !== "connected" && this.turn !== "waiting") return;
    if (this.turn === "connected") {
      news.say(place ? texts.isWaitingAt(this.fullName, place) : texts.isWaiting(this.fullName));
    }
    this.turn = "waiting";
    this.place = place;
    this.draw();
  }

  lost() {
    if (this.turn !== "lost" && this.turn !== "connecting") {
      this.write(texts.connectionEnded, "note");
    }
    if (this.turn !== "connecting") this.turn = "lost";
    this.number = null;
    this.draw();
  }

  end() {
    this.stream.close();
    this.turn = "ended";
    this.write("^C", "typed");
    news.say(texts.isDisconnected(this.fullName));
    this.draw();
    drawOffers();
  }

  remove() {
    this.element.remove();
    this.clock.panes.delete(this);
    this.clock.button.focus();
  }

  type() {
    this.write(`$ ${this.clock.command(this.shape)}`, "typed");
  }

  write(text, kind = "") {
    const { scrollTop, scrollHeight, clientHeight } = this.screen;
    const line = document.createElement("span");
    line.className = kind;
    line.textContent = text;
    this.screen.append(line);
    if (this.screen.childElementCount > MAX_LINES) this.screen.firstElementChild.remove();
    // A reader who has scrolled up stays there.
    if (scrollTop + clientHeight > scrollHeight - 4) {
      this.screen.scrollTop = this.screen.scrollHeight;
    }
  }

  draw() {
    const isPlaced = this.turn === "waiting" && this.place;
    const turn = isPlaced ? texts.waitingAt(this.place) : texts.turns[this.turn];
    this.element.className = `pane ${this.turn}`;
    this.element.classList.toggle("ended", this.ended);
    this.element.setAttribute("aria-label", this.fullName);
    setText(this.element.querySelector("h3"), this.name);
    setText(this.element.querySelector(".turn"), turn);
    setText(this.button, this.ended ? texts.remove : texts.disconnect);
    const label = this.ended ? texts.removeClient : texts.disconnectClient;
    this.button.setAttribute("aria-label", label(this.fullName));
    this.screen.setAttribute("aria-label", texts.terminal(this.fullName));
  }
}

// The clients that are served, or those that wait, in order.
class ClientList {
  constructor(clock, title) {
    this.clock = clock;
    this.title = title;
    this.element = copyOf("list");
    this.rows = this.element.tBodies[0];
    clock.element.querySelector(".lists").append(this.element);
  }

  draw({ count, clients }) {
    setText(this.element.caption, this.title(count ? amount(count) : texts.none));
    this.element.tHead.hidden = !clients.length;
    while (this.rows.rows.length > clients.length) this.rows.deleteRow(-1);
    while (this.rows.rows.length < clients.length) {
      const row = this.rows.insertRow();
      for (let cell = 0; cell < 4; cell++) row.insertCell();
    }
    clients.forEach((client, index) => this.drawRow(this.rows.rows[index], client));
    const more = count - clients.length;
    this.element.tFoot.hidden = !more;
    setText(this.element.tFoot.rows[0].cells[0], texts.more(amount(more)));
  }

  drawRow(row, { number, seconds, lines, transport }) {
    const own = this.clock.paneOf(number) !== undefined;
    row.className = own ? "own" : "";
    setText(row.cells[0], own ? texts.ownClient(number) : number);
    setText(row.cells[1], duration(seconds));
    setText(row.cells[2], amount(lines));
    setText(row.cells[3], { tcp: "TCP", http: "HTTP", websocket: "WebSocket" }[transport] ?? transport);
  }
}

// One of the server's clocks: a zone in a mode.
class Clock {
  constructor({ key, mode }) {
    this.key = key;
    this.mode = mode;
    this.panes = new Set();
    this.element = copyOf("clock");
    this.form = this.element.querySelector("form");
    this.form.addEventListener("input", () => this.drawCommand());
    // The browser submits a form only if its values are right.
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.connect();
    });
    this.button = this.element.querySelector(".connect");
    this.hint = this.element.querySelector(".full");
    this.hint.id = `full-${key}-${mode}`;
    this.served = new ClientList(this, texts.servedList);
    this.waiting = new ClientList(this, texts.waitingList);
    this.counts = "";
    this.countsAnnounced = -COUNTS_PAUSE;
  }

  // The arguments of a stream that the form asks for.
  get shape() {
    const given = [...this.form.querySelectorAll("input")].filter(({ value }) => value);
    return Object.fromEntries(given.map(({ name, valueAsNumber }) => [name, valueAsNumber]));
  }

  // The command that reads a stream of this shape. The query has what is not the default.
  command(shape) {
    const address = new URL("lines", document.baseURI).href.replace("http://", "");
    const query = Object.entries({ ...this.selection, ...shape })
      // A plus sign means a space in a query.
      .map(([name, value]) => `${name}=${String(value).replaceAll("+", "%2B")}`)
      .join("&");
    return `curl -N ${query ? `'${address}?${query}'` : address}`;
  }

  // What a line shows, to compare. In JSON the first line has a fraction of its second.
  second(line) {
    if (this.format !== "json") return line;
    return Math.floor(JSON.parse(line).unix / this.interval + 1e-6);
  }

  paneOf(number) {
    return [...this.panes].find((pane) => pane.number === number && !pane.ended);
  }

  connect() {
    if (connectedPanes().length >= MAX_PANES) return;
    const ended = [...this.panes].find((pane) => pane.ended);
    if (this.panes.size >= MAX_PANES) {
      ended.element.remove();
      this.panes.delete(ended);
    }
    this.panes.add(new Pane(this, this.shape));
    drawOffers();
  }

  // The first clock is the default, and the first one of each zone is that zone's.
  draw(status, statuses) {
    const { zone, mode, line, served, waiting } = status;
    const modes = statuses.filter(({ key }) => key === this.key);
    this.selection = {
      ...(this.key !== statuses[0].key && { zone: this.key }),
      ...(status !== modes[0] && { mode }),
    };
    const modeText = texts.modes[mode];
    const name = texts.zone(zone);
    this.name = modes.length > 1 ? texts.clockInMode(name, modeText) : name;
    this.format = status.format.toLowerCase();
    this.interval = status.interval;
    setText(this.element.querySelector(".zone"), this.name);
    setText(this.button.lastElementChild, texts.toClock(this.name));
    const meaning = texts.meanings[mode];
    setText(
      this.element.querySelector(".mode"),
      modes.length > 1 ? meaning : texts.modeAndMeaning(modeText, meaning),
    );
    this.drawCommand();
    const time = this.element.querySelector(".time");
    const text = line ?? "--:--:--";
    setText(time, text);
    time.style.setProperty("--characters", Math.max(text.length, 8));
    this.served.draw(served);
    this.waiting.draw(waiting);
    waiting.clients.forEach(({ number }, index) => this.paneOf(number)?.waits(index + 1));
    if (waiting.count > waiting.clients.length) {
      for (const pane of this.panes) if (!pane.place) pane.waits(0);
    }
    this.announce(served.count, waiting.count);
  }

  // While a value is wrong, there is no command.
  drawCommand() {
    const text = this.form.checkValidity() ? this.command(this.shape) : "";
    setText(this.element.querySelector("code"), text);
  }

  announce(served, waiting) {
    const counts = texts.counts(this.name, amount(served), amount(waiting));
    const now = performance.now();
    if (counts === this.counts || now - this.countsAnnounced < COUNTS_PAUSE) return;
    this.counts = counts;
    this.countsAnnounced = now;
    news.say(counts);
  }

  remove() {
    for (const pane of this.panes) pane.stream.close();
    this.element.remove();
  }
}

function connectedPanes() {
  return [...clocks.values()].flatMap((clock) => [...clock.panes]).filter((pane) => !pane.ended);
}

function drawOffers() {
  const full = connectedPanes().length >= MAX_PANES;
  for (const { button, hint } of clocks.values()) {
    button.setAttribute("aria-disabled", full);
    // A description is read even if its element is hidden.
    button.setAttribute("aria-describedby", full ? hint.id : "");
    hint.hidden = !full;
  }
}

function drawStatus({ host, clocks: statuses }) {
  document.title = texts.title(host);
  setText(document.querySelector("h1"), texts.title(host));
  const idOf = ({ key, mode }) => `${key} ${mode}`;
  const ids = statuses.map(idOf);
  for (const [id, clock] of clocks) {
    if (ids.includes(id)) continue;
    clock.remove();
    clocks.delete(id);
  }
  const main = document.querySelector("main");
  statuses.forEach((status, index) => {
    const id = idOf(status);
    if (!clocks.has(id)) {
      const clock = new Clock(status);
      clocks.set(id, clock);
      main.insertBefore(clock.element, main.children[index] ?? null);
    }
    clocks.get(id).draw(status, statuses);
  });
  drawOffers();
}

function setServer(live, text) {
  document.body.classList.toggle("gone", !live);
  const shown = document.getElementById("state");
  if (shown.textContent === text) return;
  shown.textContent = text;
  news.say(texts.sentence(text));
}

// The status comes at each tick.
let silence;
function watchSilence(statuses) {
  clearTimeout(silence);
  const interval = Math.max(1, ...statuses.map((status) => status.interval));
  silence = setTimeout(() => setServer(false, texts.silent), 3000 * interval);
}

follow("status/events", {}, {
  lost() {
    clearTimeout(silence);
    setServer(false, texts.unreachable);
  },
  events: {
    message(data) {
      const status = JSON.parse(data);
      setServer(true, texts.live);
      drawStatus(status);
      watchSilence(status.clocks);
    },
  },
});
