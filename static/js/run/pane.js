// @ts-check
// One lane: its head with the numbers, and its rounds. Built from the page's <template>, never from strings.

import { arrange, byId, el, icon, setText, showState, stateGlyph } from "../lib/dom.js";
import { clock, plural } from "../lib/format.js";
import { newCard } from "./card.js";
import { newHead } from "./head.js";
import { newNodes } from "./nodes.js";
import { listRounds, nameIn, newSection, paintRail, sizeIn } from "./round.js";
import { newStatistics } from "./statistics.js";
import { findWorkspace, newWorkspace } from "./workspace.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {import("./card.js").Card} Card */
/** @typedef {import("./round.js").RoundView} RoundView */
/** @typedef {import("./round.js").SizeChoice} SizeChoice */
/** @typedef {ReturnType<typeof newPane>} Pane */

const WAITS = "Waits for a worker. You can close this page; the run goes on.";
/** Heights in px, as in tokens.css: what stands above and below the cards. */
const [RAIL, HISTOGRAM, WORKSPACE, NODES, STATISTIC] = [74, 96, 188, 222, 68];

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
  const main = el("div", { class: "lane__list" });
  const rounds = el("div", { class: "lane__rounds" }, main);
  const waiting = el("p", { class: "empty" }, WAITS);
  main.append(waiting);
  body.append(rounds, notes);
  const paintViews = newViews(rounds, facts, openCall);
  /** @type {SizeChoice} */
  let sizes = "auto";
  let room = 0;

  root.id = `lane-${facts.id}`;
  root.setAttribute("aria-label", `Lane ${number}: ${facts.title}`);
  body.setAttribute("aria-label", `Rounds of ${facts.title}`);
  setText(part("number"), String(number));
  part("notes-link").addEventListener("click", () => notes.scrollIntoView({ block: "nearest" }));

  /** Paint what was touched: "body", "nodes", "statistics", or single calls. @param {Lane} lane @param {Set<string>} touched */
  function paint(lane, touched) {
    if (touched.has("body")) paintBody(lane);
    paintViews(lane, touched);
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
    arrange(main, [...(lane.ending?.kind === "lane_failed" ? [failure(lane.ending.error, lane.answer !== null)] : []), ...(elements.length ? elements : [waiting])]);
    setText(waiting, lane.state === "queued" ? WAITS : lane.ending ? "Nothing was asked." : "Starting.");
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
      const [name, place] = nameIn(round, call);
      let card = cards.get(call.key);
      if (!card) {
        card = newCard(name, place);
        card.root.dataset.call = call.key;
        card.root.addEventListener("click", () => openCall(call.key));
        cards.set(call.key, card);
      }
      card.rename(name, place);
      card.setSize(sizeIn(round, call, sizes, room));
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
    while (notes.children.length > texts.length) notes.lastElementChild?.remove();
    while (notes.children.length < texts.length) notes.append(el("p", { class: "note" }, icon("info"), el("span")));
    texts.forEach((text, place) => setText(/** @type {Node} */ (notes.children[place].lastChild), text));
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
    const taken = RAIL + (facts.family === "vote" ? HISTOGRAM : facts.family === "refine" ? WORKSPACE : 0) + (facts.shows.nodes ? NODES : 0) + STATISTIC * facts.shows.statistics.length;
    room = body.clientHeight - taken;
  }

  return { root, body, facts, number, paint, setSizes, measure, paintHead: head.paint, toggleDiff: workspace.toggleDiff, cards };
}

/** Put what a lane shows above its rounds: from the start if that is known, else when it comes. @param {HTMLElement} rounds @param {LaneFacts} facts @param {(key: string) => void} openCall */
function newViews(rounds, { shows }, openCall) {
  const nodes = newNodes(openCall);
  const statistics = newStatistics(shows.statistics);
  if (shows.nodes) rounds.prepend(nodes.root);
  if (shows.statistics.length) rounds.prepend(statistics.root);

  /** @param {Lane} lane @param {Set<string>} touched */
  return (lane, touched) => {
    const isOver = lane.ending !== null;
    if (touched.has(isOver ? "body" : "nodes") && (lane.nodes.size || nodes.root.parentElement)) {
      if (!nodes.root.parentElement) rounds.prepend(nodes.root);
      nodes.paint([...lane.nodes.values()], isOver);
    }
    if (touched.has("statistics") && (lane.statistics.size || statistics.root.parentElement)) {
      if (!statistics.root.parentElement) rounds.prepend(statistics.root);
      statistics.paint(lane.statistics);
    }
  };
}

/** @param {Lane} lane @param {import("./workspace.js").Content} content */
const roundOf = (lane, content) => (content.isOpen && content.call ? content.call.round : (lane.workspaces.get(content.index)?.round ?? content.call?.round ?? 0));

/** @param {"budget" | "deadline"} why */
const stoppedBy = (why) => (why === "budget" ? "Stopped: the lane used all its tokens. The answer is the best until then." : "Stopped: the lane used all its time. The answer is the best until then.");

/** @param {string} error @param {boolean} hasAnswer */
function failure(error, hasAnswer) {
  const glyph = stateGlyph();
  showState(glyph, "failed");
  return el("p", { class: "banner banner--failed lane__failure" }, glyph, el("span", {}, el("b", {}, "This lane failed. "), `${error} What was written is kept; the other lanes go on.${hasAnswer ? " The answer is the best until then." : ""}`));
}
