// @ts-check
// The page of a new comparison, and of a run over a suite, which has no problem to type. It works without this file: here
// are the LaTeX preview, the keys, the family filter.

import { loadMaths, renderBlock, splitFormulas } from "../lib/maths.js";

const MOST_PREVIEWED = 20_000; // letters; a longer problem is not typeset while it is typed

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`The page has no ${kind.name} #${id}.`);
  return element;
}

const form = byId("new-run", HTMLFormElement);

/** @type {Promise<void> | null} */
let maths = null;

/** Typeset the formulas of the problem below its text; the box stays away while there are none. */
async function showMaths() {
  if (!document.getElementById("id_question")) return;
  const text = byId("id_question", HTMLTextAreaElement).value;
  byId("question-size", HTMLElement).textContent = `about ${tokens(text).toLocaleString("en")} tokens`;
  const isShort = text.length <= MOST_PREVIEWED;
  const hasMaths = isShort && splitFormulas(text).some((piece) => piece.kind !== "text");
  if (hasMaths) {
    await (maths ??= loadMaths(form.dataset.mathsStyle ?? ""));
    const now = byId("id_question", HTMLTextAreaElement).value; // it may have changed while KaTeX was loading
    byId("maths", HTMLElement).replaceChildren(...renderBlock(now).childNodes);
  }
  byId("maths-preview", HTMLElement).hidden = !hasMaths;
}

/** Guess a text's size as the server does: four bytes a token. @param {string} text */
function tokens(text) {
  return Math.ceil(new TextEncoder().encode(text).length / 4);
}

/** Tell readers of the screen which fields are wrong; the server writes only the sentences. */
function markFaults() {
  for (const error of form.querySelectorAll(".field__error")) {
    const field = document.getElementById(error.id.replace(/_error$/, ""));
    if (!field) continue;
    const isWrong = error.textContent?.trim() !== "";
    field.setAttribute("aria-invalid", String(isWrong));
    const described = new Set((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    if (isWrong) described.add(error.id);
    else described.delete(error.id);
    if (described.size) field.setAttribute("aria-describedby", [...described].join(" "));
    else field.removeAttribute("aria-describedby");
  }
}

/** Open the step and the settings in which the first fault stands, for narrow windows. */
function showFirstFault() {
  const fault = [...form.querySelectorAll(".field__error")].find((error) => error.textContent?.trim());
  if (!fault) return;
  const step = fault.closest(".col-2") ? "s2" : fault.closest(".col-3") ? "s3" : "s1";
  const choice = document.getElementById(step);
  if (choice instanceof HTMLInputElement) choice.checked = true;
  document.getElementById(fault.id.replace(/_error$/, ""))?.focus();
}

/** Show the cards of one family; picked ones always. */
function filterFamilies() {
  const chosen = new FormData(form).get("family");
  for (const card of form.querySelectorAll(".strategy-card")) {
    const isPicked = card.querySelector(".pick:checked") !== null;
    /** @type {HTMLElement} */ (card).hidden = Boolean(chosen) && card.getAttribute("data-family") !== chosen && !isPicked;
  }
}

/** Say whether a field holds something else than the page came with. @param {Element} field */
function isChanged(field) {
  if (field instanceof HTMLSelectElement) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
  if (!(field instanceof HTMLInputElement) || field.type === "hidden") return false;
  return field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

/** Ask for the estimate of what was changed before anybody listened, or was kept by the browser over a reload. */
function catchUp() {
  if ([...form.elements].some(isChanged)) form.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== "Enter") return;
  if (event.metaKey || event.ctrlKey) {
    event.preventDefault();
    form.requestSubmit(byId("run", HTMLButtonElement));
  } else if (event.target instanceof HTMLInputElement && event.target.form === form && event.target.type !== "checkbox") {
    event.preventDefault(); // a lane is dear: only the button and ⌘Enter run
  }
}

/** A second press starts no second run. @param {SubmitEvent} event */
function onSubmit(event) {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
}

byId("families", HTMLElement).hidden = false;
byId("run-key", HTMLElement).hidden = false;
if (!/Mac|iPhone|iPad/.test(navigator.userAgent)) byId("run-key", HTMLElement).textContent = "Ctrl Enter";
document.addEventListener("DOMContentLoaded", catchUp); // htmx listens since then: its script stands before this one
document.addEventListener("keydown", onKey);
form.addEventListener("submit", onSubmit);
form.addEventListener("input", ({ target }) => {
  if (target instanceof HTMLTextAreaElement) void showMaths();
  if (target instanceof HTMLInputElement && target.name === "family") filterFamilies();
});
document.body.addEventListener("htmx:afterSettle", () => {
  markFaults();
  void showMaths();
});
window.addEventListener("pageshow", () => delete form.dataset.sent); // back from the run: the page may be kept in memory
markFaults();
showFirstFault();
void showMaths();
