// @ts-check
// One lane: its head with the numbers, and its rounds. Built from the page's <template>, never from strings.

import { arrange, byId, el, icon, setAttribute, setText, showState, stateGlyph } from "../lib/dom.js";
import { clock, plural } from "../lib/format.js";
import { newCard, nameOf } from "./card.js";
import { newHead } from "./head.js";
import { newHistogram } from "./votes.js";
import { findWorkspace, newWorkspace } from "./workspace.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {import("./card.js").Card} Card */
/** @typedef {import("./card.js").Size} Size */
/** @typedef {"small" | "auto" | "large"} SizeChoice */
/** @typedef {ReturnType<typeof newPane>} Pane */

/** Heights in px, as in tokens.css: what stands above and below the cards, and a medium card with its gap. */
const [RAIL, HISTOGRAM, WORKSPACE, MEDIUM] = [74, 114, 188, 84];

/** @param {LaneFacts} facts @param {number} number place on the page, from 1 @param {(key: string) => void} openCall */
export function newPane(facts, number, openCall) {
  const template = /** @type {HTMLTemplateElement} */ (byId("lane-template"));
  const root = /** @type {HTMLElement} */ (template.content.cloneNode(true)).firstElementChild;
  if (!(root instanceof HTMLElement)) throw new Error("The lane template is empty.");
  /** @param {string} name @returns {HTMLElement} */
  const part = (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-part="${name}"]`));
  const body = part("body");
  const rail = part("rail");
  const head = newHead(part, facts);
  const workspace = newWorkspace(openCall);
  /** @type {Map<string, Card>} */
  const cards = new Map();
  /** @type {Map<number, ReturnType<typeof newSection>>} */
  const sections = new Map();
  const notes = el("div", { class: "lane__more" });
  const main = el("div", { class: "lane__rounds" });
  const waiting = el("p", { class: "empty" }, "Waits for a worker. You can close this page; the run goes on.");
  main.append(waiting);
  body.append(main, notes);
  /** @type {SizeChoice} */
  let sizes = "auto";
  let room = 0;

  root.id = `lane-${facts.id}`;
  root.setAttribute("aria-label", `Lane ${number}: ${facts.title}`);
  body.setAttribute("aria-label", `Rounds of ${facts.title}`);
  setText(part("number"), String(number));
  part("notes-link").addEventListener("click", () => notes.scrollIntoView({ block: "nearest" }));

  /** Paint what was touched: "body", or single calls. @param {Lane} lane @param {Set<string>} touched */
  function paint(lane, touched) {
    if (touched.has("body")) paintBody(lane);
    for (const key of touched) {
      const call = lane.calls.get(key);
      if (call) cards.get(key)?.paint(call);
    }
    const content = findWorkspace(lane);
    if (content) workspace.paint(content);
  }

  /** @param {Lane} lane */
  function paintBody(lane) {
    const shown = listRounds(lane);
    paintRail(rail, shown, lane);
    const content = findWorkspace(lane);
    const elements = shown.flatMap((round) => {
      const section = sections.get(round.index) ?? addSection(round.index);
      section.paint(round, lane, cardsOf(round, lane));
      return content && roundOf(lane, content) === round.index ? [section.root, workspace.root] : [section.root];
    });
    arrange(main, [...(lane.ending?.kind === "lane_failed" ? [failure(lane.ending.error)] : []), ...(elements.length ? elements : [waiting])]);
    if (lane.state !== "queued") setText(waiting, lane.ending ? "Nothing was asked." : "Starting.");
    paintNotes(lane);
  }

  /** @param {number} index */
  function addSection(index) {
    const section = newSection(index, facts.family === "vote");
    sections.set(index, section);
    return section;
  }

  /** @param {RoundView} round @param {Lane} lane @returns {Card[]} */
  function cardsOf(round, lane) {
    return round.calls.map((call) => {
      let card = cards.get(call.key);
      if (!card) {
        const [name, place] = nameIn(round, call);
        card = newCard(name, place);
        card.root.dataset.call = call.key;
        card.root.addEventListener("click", () => openCall(call.key));
        cards.set(call.key, card);
      }
      card.setSize(sizeIn(round, sizes, room));
      card.paint(call);
      return card;
    });
  }

  /** @param {Lane} lane */
  function paintNotes(lane) {
    const texts = [
      ...lane.resumed.map((at) => `The worker stopped. Another took the lane over at ${clock(at)}; finished calls were kept, open ones started again.`),
      ...lane.notes.map((note) => note.text),
    ];
    if (lane.ending?.kind === "lane_finished" && lane.ending.stopped_by) texts.push(stoppedBy(lane.ending.stopped_by));
    while (notes.children.length < texts.length) notes.append(el("p", { class: "note" }, icon("info"), el("span", {}, texts[notes.children.length])));
    const link = part("notes-link");
    link.hidden = texts.length === 0;
    setText(link, plural(texts.length, "note"));
  }

  /** Choose the sizes of cards. @param {SizeChoice} choice @param {Lane} lane */
  function setSizes(choice, lane) {
    sizes = choice;
    paintBody(lane);
  }

  /** Tell how high the lane is; what its rounds share besides cards is left out. */
  function measure() {
    const taken = RAIL + (facts.family === "vote" ? HISTOGRAM : facts.family === "refine" ? WORKSPACE : 0);
    room = body.clientHeight - taken;
  }

  return { root, body, facts, number, paint, setSizes, measure, paintHead: head.paint, toggleDiff: workspace.toggleDiff, cards };
}

/** @typedef {{index: number, name: string, calls: Call[], isOver: boolean, isLast: boolean, seconds: number | null}} RoundView */

/** Return the rounds with the calls that have cards; distilling shows in the workspace box. @param {Lane} lane @returns {RoundView[]} */
export function listRounds(lane) {
  const calls = [...lane.calls.values()];
  const indexes = [...new Set([...lane.rounds.keys(), ...calls.map((call) => call.round)])].sort((one, other) => one - other);
  return indexes.map((index) => {
    const round = lane.rounds.get(index);
    const inside = calls.filter((call) => call.round === index && (call.role !== "distill" || call.state === "failed"));
    const seconds = round && round.closedAt !== null ? (round.closedAt - round.openedAt) / 1000 : null;
    return { index, name: round?.name ?? "Calls", calls: inside, isOver: seconds !== null, isLast: index === indexes.at(-1), seconds };
  });
}

/** Return a call's name in its round, and its number alone. @param {RoundView} round @param {Call} call */
export function nameIn(round, call) {
  const same = round.calls.filter((other) => other.role === call.role);
  const place = same.indexOf(call) + 1;
  return [nameOf(call.role, place, same.length), same.length > 1 ? String(place) : ""];
}

/** @param {Lane} lane @param {import("./workspace.js").Content} content */
const roundOf = (lane, content) => (content.isOpen && content.call ? content.call.round : (lane.workspaces.get(content.index)?.round ?? content.call?.round ?? 0));

/** @param {RoundView} round @param {SizeChoice} choice @param {number} room px for cards @returns {Size} */
function sizeIn(round, choice, room) {
  const count = round.calls.length;
  if (round.isOver && !round.isLast) return count > 1 ? "pip" : "small";
  if (choice === "small") return "small";
  if (count === 1) return "large";
  if (choice === "large") return "large";
  return count <= 4 || Math.ceil(count / 2) * MEDIUM <= room ? "medium" : "small";
}

/** @param {number} index @param {boolean} hasVotes */
function newSection(index, hasVotes) {
  const title = el("h3", {});
  const sub = el("span", { class: "second clip" });
  const right = el("span", { class: "push" });
  const grid = el("div", { class: "drafts" });
  const root = el("section", { class: "round", "data-round": index }, el("div", { class: "round__head" }, title, sub, right), grid);
  /** @type {ReturnType<typeof newHistogram> | null} */
  let histogram = null;

  /** @param {RoundView} round @param {Lane} lane @param {Card[]} cards */
  function paint(round, lane, cards) {
    setText(title, round.name);
    const votes = lane.votes.get(index);
    if (!histogram && round.calls.length > 1 && (hasVotes || votes)) {
      histogram = newHistogram(votes?.expected ?? round.calls.length);
      root.insertBefore(histogram.root, grid);
    }
    if (votes) histogram?.paint(votes, lane.voteRows.get(index) ?? []);
    const ended = round.calls.filter((call) => call.state !== "running").length;
    setText(sub, summary(round, ended));
    setText(right, round.seconds === null ? "" : clock(round.seconds * 1000));
    const size = cards.length ? cards[0].root.classList : null;
    setAttribute(grid, "data-shape", size?.contains("pip") ? "pips" : cards.length > 1 ? "two" : "one");
    setAttribute(root, "data-grow", size?.contains("draft-card--large") ? "" : null);
    arrange(grid, cards.map((card) => card.root));
  }
  return { root, paint };
}

/** @param {RoundView} round @param {number} ended */
function summary(round, ended) {
  if (round.calls.length < 2) return "";
  const answers = new Set(round.calls.map((call) => call.answer).filter((answer) => answer !== null));
  const failed = round.calls.filter((call) => call.state === "failed").length;
  const parts = ended < round.calls.length ? [`${ended} of ${plural(round.calls.length, "draft")} ended`] : [plural(round.calls.length, "draft"), plural(answers.size, "answer")];
  return [...parts, ...(failed ? [`${failed} failed`] : [])].join(", ");
}

/** @param {HTMLElement} rail @param {RoundView[]} rounds @param {Lane} lane */
function paintRail(rail, rounds, lane) {
  while (rail.children.length < rounds.length) rail.append(el("li", {}, el("i"), el("span")));
  rounds.forEach((round, place) => {
    const item = /** @type {HTMLElement} */ (rail.children[place]);
    const isOpen = !round.isOver && lane.state === "running";
    setAttribute(item, "data-state", isOpen ? "streaming" : "done");
    const distilling = isOpen && [...lane.calls.values()].some((call) => call.round === round.index && call.role === "distill");
    setText(/** @type {Node} */ (item.lastChild), distilling ? `${round.name} · distilling` : round.name);
  });
}

/** @param {"budget" | "deadline"} why */
const stoppedBy = (why) => (why === "budget" ? "Stopped: the lane used all its tokens. The answer is the best until then." : "Stopped: the lane used all its time. The answer is the best until then.");

/** @param {string} error */
function failure(error) {
  const glyph = stateGlyph();
  showState(glyph, "failed");
  return el("p", { class: "banner banner--failed lane__failure" }, glyph, el("span", {}, el("b", {}, "This lane failed. "), `${error} What was written is kept; the other lanes go on.`));
}
