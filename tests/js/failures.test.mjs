import assert from "node:assert/strict";
import test from "node:test";
import { countFailures } from "../../static/js/run/failures.js";
import { answerOf, outcomeOf, verdictOf } from "../../static/js/run/head.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";
import { countVerdicts } from "../../static/js/run/summary.js";

const usage = { prompt_tokens: 10, completion_tokens: 7, reasoning_tokens: 0, cached_tokens: 0 };
const start = (call, role = "draft") => ({ lane: 1, at: 1, kind: "call_started", call, round: 1, role, prompt: "p", seed: 1, max_tokens: 9, after: [] });
const again = (call, retry, extra = {}) => ({ lane: 1, at: 2, kind: "call_restarted", call, retry, error: "cut", abandoned_tokens: 4, ...extra });
const finish = (call, reason) => ({ lane: 1, at: 3, kind: "call_finished", call, text: "x", thinking: "", answer: null, finish_reason: reason, usage, first_token_at: 1, marks: [], retries: 0 });

test("what failures cost is added up over all lanes, facts of older runs included", () => {
  const run = newRun([1]);
  applyEvents(run, [
    start("draft-1"), again("draft-1", 1), again("draft-1", 2, { abandoned_prompt_tokens: 10, is_estimate: true }), { ...finish("draft-1", "length"), retries: 2 },
    start("draft-2"), { lane: 1, at: 4, kind: "call_failed", call: "draft-2", error: "dead", text: "", thinking: "", usage },
    start("judge-1", "judge"), finish("judge-1", "length"),
    { lane: 1, at: 5, kind: "lane_resumed", fence: 3 },
  ]);

  assert.deepEqual(countFailures([...run.lanes.values()]), {
    attempts: 5, retries: 2, abandonedTokens: 18, isEstimate: true, failedCalls: 1, truncatedDrafts: 1, takeovers: 1,
  });
});

test("a lane that failed late shows its best answer and the ruling on it, and counts as failed", () => {
  const run = newRun([1]);
  applyEvents(run, [
    { lane: 1, at: 1, kind: "lane_started" },
    { lane: 1, at: 5, kind: "answer_given", text: "It is 42.", answer: "42", note: "2 votes", is_partial: true },
    { lane: 1, at: 6, kind: "verdict_reached", ruling: "right", explanation: "", expected: "42", grader: "number" },
    { lane: 1, at: 5, kind: "lane_failed", error: "dead", ledger: {}, seconds: 1 },
  ]);
  const lane = run.lanes.get(1);

  assert.deepEqual(answerOf(lane), { answer: "42", note: "best so far, 2 votes" });
  assert.equal(verdictOf(lane).text, "Right");
  assert.equal(outcomeOf(lane, {}).text, "Failed");
  assert.equal(countVerdicts([lane]), "1 failed");
});
