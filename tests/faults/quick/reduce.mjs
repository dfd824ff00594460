// Reads lists of events, has the browser's own reducer make states of them, and prints what test_reducing.py compares.
import { readFileSync } from "node:fs";
import { applyEvents } from "../../../static/js/run/reduce.js";
import { newRun } from "../../../static/js/run/state.js";

const { lanes, lists } = JSON.parse(readFileSync(0, "utf8"));
const call = ({ state, text, thinking, retries, abandonedTokens, ruling }) => ({ state, text, thinking, retries, abandoned: abandonedTokens, ruling });

const results = lists.map((events) => {
  const run = newRun(lanes);
  const isWhole = applyEvents(run, events);
  const told = [...run.lanes.values()].map((lane) => ({
    state: lane.state,
    seen: [...lane.seen].sort(),
    calls: Object.fromEntries([...lane.calls].map(([key, value]) => [key, call(value)])),
    votes: [...lane.votes.values()],
  }));
  return { isWhole, status: run.status, lanes: told };
});
process.stdout.write(JSON.stringify(results));
