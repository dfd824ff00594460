// @ts-check
// One call opened: the whole text with its formulas, the request, where it was used. A <dialog>, so focus stays in it
// and returns to the card.

import { byId, el, setAttribute, setText, showState, stateGlyph } from "../lib/dom.js";
import { clock, full, plural, seconds } from "../lib/format.js";
import { logprobOf, lookOf } from "./card.js";
import { listRounds, nameIn } from "./round.js";
import { newText } from "./text.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {{lane: Lane, facts: LaneFacts, number: number, call: Call}} Opened */
/** @typedef {"text" | "reply" | "request" | "used"} Tab */

const ENDED_BY = /** @type {Record<string, string>} */ ({ running: "–", failed: "fault", cancelled: "cancelled" });

/**
 * @param {string} callsUrl where requests are fetched: `<callsUrl><lane>/<key>`; empty: nowhere
 * @param {(lane: number, key: string) => Opened | null} find
 * @param {(key: string | null) => void} opened told which call is open, null when none
 */
export function newSheet(callsUrl, find, opened) {
  const root = /** @type {HTMLDialogElement} */ (byId("sheet"));
  /** @param {string} name */
  const part = (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-part="${name}"]`));
  const tabs = /** @type {HTMLButtonElement[]} */ ([...root.querySelectorAll("[data-tab]")]);
  const verdictGlyph = stateGlyph();
  const verdictText = el("span");
  const text = newText(part("body"));
  /** @type {{lane: number, key: string} | null} */
  let shown = null;
  /** @type {Tab} */
  let tab = "text";
  part("verdict").append(verdictGlyph, verdictText);
  byId("tab-request").hidden = callsUrl === "";

  for (const button of tabs) button.addEventListener("click", () => setTab(/** @type {Tab} */ (button.dataset.tab)));
  root.querySelector("[role=tablist]")?.addEventListener("keydown", (event) => stepTab(/** @type {KeyboardEvent} */ (event)));
  for (const button of root.querySelectorAll("[data-step]")) button.addEventListener("click", () => step(Number(button.getAttribute("data-step"))));
  root.querySelector("[data-close]")?.addEventListener("click", () => root.close());
  root.querySelector("[data-copy]")?.addEventListener("click", copy);
  root.addEventListener("click", (event) => event.target === root && root.close()); // beside the sheet
  root.addEventListener("close", () => {
    if (root.open) return; // opened again before this was told
    shown = null;
    opened(null);
  });

  /** @param {number} lane @param {string} key */
  function open(lane, key) {
    if (!find(lane, key)) return;
    shown = { lane, key };
    text.reset();
    if (!root.open) root.showModal();
    setTab("text");
    opened(key);
  }

  /** Paint if this call is the open one. @param {number} lane @param {Set<string>} touched */
  function paintIf(lane, touched) {
    if (shown?.lane === lane && touched.has(shown.key)) paint();
  }

  function paint() {
    const now = shown && find(shown.lane, shown.key);
    if (!now) return;
    paintHead(now);
    if (tab === "text") text.paint(now.call);
    if (tab === "reply") setText(part("body").firstElementChild ?? part("body"), now.call.text);
  }

  /** @param {Opened} now */
  function paintHead({ lane, number, call }) {
    const siblings = siblingsOf(lane, call);
    const round = listRounds(lane).find((each) => each.index === call.round);
    setText(part("number"), String(number));
    setText(part("title"), round && siblings.includes(call) ? nameIn({ ...round, calls: siblings }, call)[0] : call.key);
    setText(part("place"), [round?.name, call.thread && `thread ${call.thread}`, call.retries ? plural(call.retries, "retry").replace("retrys", "retries") : ""].filter(Boolean).join(" · "));
    setText(part("position"), `${siblings.indexOf(call) + 1} of ${siblings.length}`);
    const look = lookOf(call);
    setText(part("answer"), call.answer ?? "");
    setAttribute(part("verdict"), "class", `verdict verdict--${look.state}`);
    showState(verdictGlyph, look.state);
    setText(verdictText, look.state === "done" ? "Done" : look.word === call.answer ? (look.state === "right" ? "Right" : "Wrong") : look.word);
    const odds = call.odds ? [`log-probability ${logprobOf(call.odds)} a token`] : [];
    setText(part("scores"), [...odds, ...[...call.scores].map(([by, value]) => `${by} ${value.toFixed(2)}`)].join(" · "));
    setText(part("on-path"), lane.ending?.ledger.critical_path.includes(call.key) ? "on the critical path" : "");
    setText(part("prompt"), call.usage ? full(call.usage.prompt_tokens) : "–");
    setText(part("written"), full(call.tokens));
    setText(part("time"), call.endedAt === null ? "–" : clock(call.endedAt - call.startedAt));
    setText(part("first"), call.firstTokenAt === null ? "–" : seconds(call.firstTokenAt - call.startedAt));
    setText(part("ended"), ENDED_BY[call.state] ?? call.finishReason ?? "–");
    setText(part("used-count"), String(usersOf(lane, call).length));
  }

  /** @param {Tab} next */
  function setTab(next) {
    const now = shown && find(shown.lane, shown.key);
    if (!now) return;
    tab = next;
    for (const button of tabs) {
      setAttribute(button, "aria-selected", String(button.dataset.tab === tab));
      setAttribute(button, "tabindex", button.dataset.tab === tab ? "0" : "-1");
    }
    setAttribute(part("body"), "aria-labelledby", `tab-${tab}`);
    text.reset();
    if (tab === "reply") part("body").replaceChildren(el("pre", { class: "raw" }, now.call.text));
    if (tab === "request") void showRequest(now);
    if (tab === "used") part("body").replaceChildren(usedIn(now, open));
    paint();
  }

  /** @param {KeyboardEvent} event */
  function stepTab(event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const open = tabs.filter((button) => !button.hidden);
    const next = open[(open.findIndex((button) => button.dataset.tab === tab) + move + open.length) % open.length];
    setTab(/** @type {Tab} */ (next.dataset.tab));
    next.focus();
    event.preventDefault();
  }

  /** Fetch the prompt: it is stored once for all calls that share it, so it does not come with the events. @param {Opened} now */
  async function showRequest(now) {
    const body = part("body");
    const { key } = now.call;
    body.replaceChildren(el("p", { class: "quiet" }, "Fetching the request."));
    const answer = await fetchRequest(`${callsUrl}${now.lane.id}/${encodeURIComponent(key)}`);
    if (shown?.key !== key || tab !== "request") return;
    body.replaceChildren(...(answer instanceof Error ? [el("p", { class: "banner banner--failed" }, `${answer.message} The draft itself is complete.`)] : requestNodes(answer, now)));
  }

  /** Go to the call before or behind. @param {number} by */
  function step(by) {
    const now = shown && find(shown.lane, shown.key);
    if (!now) return;
    const siblings = siblingsOf(now.lane, now.call);
    const next = siblings[(siblings.indexOf(now.call) + by + siblings.length) % siblings.length];
    open(now.lane.id, next.key);
  }

  function copy() {
    const now = shown && find(shown.lane, shown.key);
    if (now) void navigator.clipboard?.writeText(now.call.text);
  }

  return { open, paintIf, step, isOpen: () => root.open };
}

/** @param {Lane} lane @param {Call} call */
const siblingsOf = (lane, call) => [...lane.calls.values()].filter((other) => other.round === call.round);

/** @param {Lane} lane @param {Call} call */
const usersOf = (lane, call) => [...lane.calls.values()].filter((other) => other.after.includes(call.key));

/** @param {Opened} now @param {(lane: number, key: string) => void} open */
function usedIn(now, open) {
  const users = usersOf(now.lane, now.call);
  if (!users.length) return el("p", { class: "quiet" }, "No later call has read this text.");
  return el("ul", { class: "stack" }, ...users.map((call) => {
    const button = el("button", { type: "button", class: "button" }, `${call.key}, ${now.lane.rounds.get(call.round)?.name ?? "no round"}`);
    button.addEventListener("click", () => open(now.lane.id, call.key));
    return el("li", {}, button);
  })); // prettier-ignore
}

/** @param {string} url @returns {Promise<{messages: [string, string][]} | Error>} */
async function fetchRequest(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : new Error(`The server answered ${response.status}.`);
  } catch {
    return new Error("The server could not be reached.");
  }
}

/** @param {{messages: [string, string][]}} request @param {Opened} now */
function requestNodes(request, { facts, call }) {
  const { temperature, top_p: topP } = facts.sampling;
  return [
    el("p", { class: "small quiet" }, `${call.model || facts.model} · temperature ${temperature} · top-p ${topP} · at most ${full(call.maxTokens)} tokens · seed ${call.seed}`),
    ...request.messages.map(([role, content]) => el("section", { class: "message" }, el("h3", { class: "micro quiet" }, role), el("pre", { class: "raw" }, content))),
  ];
}
