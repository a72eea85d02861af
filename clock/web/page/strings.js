"use strict";

// All texts of the page, in each of its languages, and the choice of one of them. A
// function returns a text with names or numbers in it.
const LANGUAGES = {
  en: {
    tag: "en",
    otherLanguage: "中文",
    title: (host) => `clock on ${host}`,
    sentence: (text) => `${text[0].toUpperCase()}${text.slice(1)}.`,

    connectingToServer: "connecting to the server",
    live: "live",
    silent: "the server is silent",
    unreachable: "server not reachable; reconnecting",

    connectClient: "Connect a client",
    toClock: (clock) => ` to ${clock}`,
    shape: "Shape of the stream",
    lines: "lines",
    linesTitle: "The stream ends after this many lines.",
    linesDefault: "no end",
    every: "every",
    everyTitle: "The number of ticks from one line to the next.",
    bytes: "bytes",
    bytesTitle: "Each line is padded to this many bytes.",
    bytesDefault: "any",
    full: "Four at most, because a browser opens only six connections to one server.",
    sameInTerminal: "The same in a terminal: ",

    zone: (name) => name,
    clockInMode: (zone, mode) => `${zone} in ${mode} mode`,
    modes: { concurrent: "concurrent", sequential: "sequential" },
    meanings: { concurrent: "all clients at once", sequential: "one client at a time" },
    modeAndMeaning: (mode, meaning) => `${mode}: ${meaning}`,

    clientWithoutNumber: "Client",
    clientWithNumber: (number) => `Client ${number}`,
    clientOfClock: (client, clock) => `${client} of ${clock}`,
    turns: {
      connecting: "connecting",
      connected: "connected",
      waiting: "waiting",
      served: "served",
      lost: "reconnecting",
      complete: "complete",
      ended: "disconnected",
    },
    waitingAt: (place) => `waiting, place ${place}`,
    disconnect: "Disconnect",
    disconnectClient: (client) => `Disconnect ${client}`,
    remove: "Remove",
    removeClient: (client) => `Remove ${client}`,
    terminal: (client) => `Terminal of ${client}`,
    streamComplete: "(the stream is complete)",
    connectionEnded: "(the connection has ended)",

    isServed: (client) => `${client} is served.`,
    isWaiting: (client) => `${client} is waiting.`,
    isWaitingAt: (client, place) => `${client} is waiting, place ${place}.`,
    isComplete: (client) => `The stream of ${client} is complete.`,
    isDisconnected: (client) => `${client} is disconnected.`,
    counts: (clock, served, waiting) => `${clock}: ${served} served, ${waiting} waiting.`,

    servedList: (count) => `Served: ${count}`,
    waitingList: (count) => `Waiting: ${count}`,
    none: "none",
    more: (count) => `and ${count} more`,
    client: "client",
    connectedFor: "connected for",
    transport: "transport",
    ownClient: (number) => `${number} (here)`,
    duration: (number, unit) => `${number} ${unit}`,
    units: { s: "s", min: "min", h: "h", d: "d" },
  },

  zh: {
    tag: "zh-Hans",
    otherLanguage: "English",
    title: (host) => `${host} 上的 clock`,
    sentence: (text) => `${text}。`,

    connectingToServer: "正在连接服务器",
    live: "已连接",
    silent: "服务器没有响应",
    unreachable: "无法连接服务器，正在重新连接",

    connectClient: "连接一个客户端",
    toClock: (clock) => `（${clock}）`,
    shape: "数据流的形状",
    lines: "行数",
    linesTitle: "发送这么多行之后，数据流结束。",
    linesDefault: "不限",
    every: "间隔",
    everyTitle: "相邻两行之间相隔的时钟节拍数。",
    bytes: "字节",
    bytesTitle: "每一行都填充到这么多字节。",
    bytesDefault: "不限",
    full: "最多四个，因为浏览器对同一服务器最多只建立六个连接。",
    sameInTerminal: "在终端中的等效命令：",

    zone: (name) => name.replace("local time", "本地时间"),
    clockInMode: (zone, mode) => `${zone}（${mode}模式）`,
    modes: { concurrent: "并发", sequential: "顺序" },
    meanings: { concurrent: "同时服务所有客户端", sequential: "每次只服务一个客户端" },
    modeAndMeaning: (mode, meaning) => `${mode}：${meaning}`,

    clientWithoutNumber: "客户端",
    clientWithNumber: (number) => `客户端 ${number}`,
    clientOfClock: (client, clock) => `${clock}的${client}`,
    turns: {
      connecting: "正在连接",
      connected: "已连接",
      waiting: "等待中",
      served: "服务中",
      lost: "正在重新连接",
      complete: "已完成",
      ended: "已断开",
    },
    waitingAt: (place) => `等待中，第 ${place} 位`,
    disconnect: "断开",
    disconnectClient: (client) => `断开${client}`,
    remove: "移除",
    removeClient: (client) => `移除${client}`,
    terminal: (client) => `${client} 的终端`,
    streamComplete: "（数据流已完成）",
    connectionEnded: "（连接已结束）",

    isServed: (client) => `${client}：服务中。`,
    isWaiting: (client) => `${client}：等待中。`,
    isWaitingAt: (client, place) => `${client}：等待中，第 ${place} 位。`,
    isComplete: (client) => `${client}：数据流已完成。`,
    isDisconnected: (client) => `${client}：已断开。`,
    counts: (clock, served, waiting) =>
      `${clock}：${served} 个服务中，${waiting} 个等待中。`,

    servedList: (count) => `服务中：${count}`,
    waitingList: (count) => `等待中：${count}`,
    none: "无",
    more: (count) => `另有 ${count} 个`,
    client: "客户端",
    connectedFor: "连接时长",
    transport: "传输方式",
    ownClient: (number) => `${number}（本页）`,
    duration: (number, unit) => `${number} ${unit}`,
    units: { s: "秒", min: "分钟", h: "小时", d: "天" },
  },
};

// The language that the address asks for, such as ?lang=zh; else the first of the
// browser's languages that the page has; else English. All kinds of Chinese get the same
// texts.
function chosenLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  return [asked, ...navigator.languages]
    .map((tag) => String(tag).toLowerCase().split("-")[0])
    .find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
}

const language = chosenLanguage();

const texts = LANGUAGES[language];

document.documentElement.lang = texts.tag;
