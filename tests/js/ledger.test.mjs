import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { liveLedger, spentBy, sumUp } from "../../static/js/run/ledger.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const cases = read("ledger_cases.json"); // tests/workers/core/test_ledger_cases.py checks the same ones in Python

for (const each of cases) {
  test(each.name, () => {
    const ledger = sumUp(each.calls.map((call) => ({
      key: call.key, after: call.after, state: call.state, isWasted: call.is_wasted, retries: call.retries, abandonedTokens: call.abandoned, abandonedPromptTokens: call.abandoned_prompt ?? 0,
      usage: { prompt_tokens: call.prompt, completion_tokens: call.completion, reasoning_tokens: 0, cached_tokens: 0 },
    })));

    for (const field of ["critical_path", "critical_path_tokens", "total_tokens", "depth", "peak_context", "wasted_tokens", "failed_calls", "retries"]) {
      assert.deepEqual(ledger[field], each[field], field);
    }
    assert.equal(ledger.calls, each.calls_count);
  });
}

test("our sum over a recorded run equals the worker's ledger", () => {
  const { facts, events } = read("recorded_run.json");
  const run = newRun(facts.lanes.map((lane) => lane.id));
  applyEvents(run, events);

  for (const lane of run.lanes.values()) {
    assert.deepEqual(sumUp(spentBy([...lane.calls.values()])), lane.ending.ledger);
    assert.equal(liveLedger(lane), lane.ending.ledger);
  }
});

test("a running call's prompt counts once another call has sent the same one", () => {
  const call = (key, usage, tokens) => ({ key, after: [], prompt: "same", usage, tokens, state: usage ? "done" : "running", role: "draft", answer: "1", finishReason: null, retries: 0, abandonedTokens: 0, abandonedPromptTokens: 0 });
  const usage = { prompt_tokens: 40, completion_tokens: 5, reasoning_tokens: 0, cached_tokens: 0 };

  const [, running] = spentBy([call("draft-1", usage, 5), call("draft-2", null, 3)]);

  assert.deepEqual([running.usage.prompt_tokens, running.usage.completion_tokens], [40, 3]);
});
