// Generated from workers/core/events.py by `manage.py make_types`. Change the classes, not this file.

/** The lane's answer. */
export interface AnswerGiven {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "answer_given";
  text: string;
  answer: string | null;
  note: string;
  /** True when the lane did not come to its end, and this is the best answer until then. */
  is_partial: boolean;
}

/** A call was stopped on purpose; what it wrote until then is kept. */
export interface CallCancelled {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "call_cancelled";
  text: string;
  thinking: string;
  usage: Usage;
}

/** A call broke; what it wrote until then is kept. */
export interface CallFailed {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "call_failed";
  error: string;
  text: string;
  thinking: string;
  usage: Usage;
}

/** A call said that it is complete. */
export interface CallFinished {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "call_finished";
  text: string;
  thinking: string;
  /** The final answer found in the text, for calls that offer a solution. */
  answer: string | null;
  finish_reason: "stop" | "length" | "pruned";
  usage: Usage;
  /** Milliseconds since the run began, or None when nothing was written. */
  first_token_at: number | null;
  /** (milliseconds since the call began, characters of thinking and text so far), rising in both. */
  marks: [number, number][];
  /** How often the request was sent again before it went through. */
  retries: number;
  /** The stop string that ended the text, if the server said so. */
  stopped_by: string;
  /** The text's log-probabilities, reduced, for calls that asked for them. */
  odds: Odds | null;
}

/** The request broke and is sent again; the text until then is void. */
export interface CallRestarted {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "call_restarted";
  /** 1 for the first repeat. */
  retry: number;
  error: string;
  /** Completion tokens that were thrown away. */
  abandoned_tokens: number;
  /** Prompt tokens that were read for nothing. */
  abandoned_prompt_tokens: number;
  /** True when the worker that counted is dead: the tokens are those of the text that viewers were sent. */
  is_estimate: boolean;
}

/** A request to the model is about to be sent. */
export interface CallStarted {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "call_started";
  /** Index of the round it belongs to; 0 outside any round. */
  round: number;
  role: string;
  /** SHA-256 of the prompt; the text is stored once. */
  prompt: string;
  seed: number;
  max_tokens: number;
  /** Keys of the calls that this one waited for: their text went into the prompt, or decided that it is asked. */
  after: string[];
  /** The concurrent part of the lane that asks, e.g. `child-2`; empty for the lane's own line. */
  thread: string;
  /** The model's name where it is not the recipe's. */
  model: string;
}

/** A judge's value for a draft. */
export interface CandidateScored {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "candidate_scored";
  value: number;
  /** Who judged: a call's key, or a method's name. */
  by: string;
}

/** The grader's ruling on one draft, reached after the lane has ended. */
export interface DraftGraded {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "draft_graded";
  ruling: "right" | "wrong" | "unreadable" | "timeout" | "ungraded";
}

/** A person stopped the lane. */
export interface LaneCancelled {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  ledger: Ledger;
  /** From the lane's start to its end. */
  seconds: number;
  kind: "lane_cancelled";
}

/** The strategy could not come to its end. */
export interface LaneFailed {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  ledger: Ledger;
  /** From the lane's start to its end. */
  seconds: number;
  kind: "lane_failed";
  error: string;
}

/** The strategy came to its end, or to the end of its budget with an answer. */
export interface LaneFinished {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  ledger: Ledger;
  /** From the lane's start to its end. */
  seconds: number;
  kind: "lane_finished";
  /** Why it ended early, or empty. */
  stopped_by: "" | "budget" | "deadline";
}

/** Another worker took the lane over: texts of calls that were open start again. */
export interface LaneResumed {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "lane_resumed";
  /** How often the lane was claimed. */
  fence: number;
}

/** A worker began the lane. */
export interface LaneStarted {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "lane_started";
}

/** What a lane cost, computed from its calls alone (see ledger.py). */
export interface Ledger {
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  cached_tokens: number;
  total_tokens: number;
  /** Tokens (prompt and completion) on the longest chain of calls that waited for each other. */
  critical_path_tokens: number;
  /** The calls of that chain, first to last. */
  critical_path: string[];
  calls: number;
  /** Calls in the longest chain, counted in calls. */
  depth: number;
  /** Largest prompt plus completion of any one call, in tokens. */
  peak_context: number;
  /** Tokens of calls that failed or were cancelled, and of solutions that were cut off or have no readable answer. */
  wasted_tokens: number;
  failed_calls: number;
  retries: number;
}

/** A node of a tree search, or a member of a population; placed again, it has a new state. */
export interface NodePlaced {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "node_placed";
  /** 1 for the lane's first placing. */
  index: number;
  node: string;
  /** The nodes that it comes from; several for a merge, none for a root. */
  under: string[];
  /** The calls that wrote and judged it. */
  calls: string[];
  title: string;
  /** What the search thinks of it, on the search's own scale. */
  value: number | null;
  state: "open" | "kept" | "pruned" | "final";
  /** Island or subtree; empty when there is one. */
  group: string;
  /** Depth or generation, from 0. */
  level: number;
}

/** Something a reader of the lane should know, e.g. that a selection could not be read. */
export interface NoteTaken {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "note_taken";
  index: number;
  text: string;
}

/** The log-probabilities of one text. Confidence is DeepConf's: higher is more peaked, and it is no probability. */
export interface Odds {
  tokens: number;
  sum_logprob: number;
  lowest_logprob: number;
  decile_logprob: number;
  mean_entropy: number;
  entropy_floor: number;
  confidence: number;
  tail_confidence: number;
  lowest_window: number;
  bottom_windows: number;
  kept: TokenOdds[];
  last: TokenOdds[];
}

/** Everything in the round has ended. */
export interface RoundClosed {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "round_closed";
  index: number;
}

/** A named phase began. */
export interface RoundOpened {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "round_opened";
  /** 1 for the lane's first round. */
  index: number;
  name: string;
}

/** Every lane of the run has ended; `lane` is 0. */
export interface RunEnded {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "run_ended";
  status: "finished" | "failed" | "cancelled";
}

/** One more value of something that is watched over time, such as what decides when to stop. */
export interface StatisticTaken {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "statistic_taken";
  /** 1 for the lane's first value. */
  index: number;
  name: string;
  value: number;
  /** After how many drafts, steps or rounds. */
  seen: number;
  /** The value that decides, if there is one. */
  threshold: number | null;
}

/** One answer and the calls that gave it. */
export interface Tally {
  /** The first spelling seen, in order of call. */
  answer: string;
  calls: string[];
}

/** Some more text of a call that is still being written. */
export interface TextDelta {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  /** The call's key in its lane: role and position, e.g. `draft-3`. */
  call: string;
  kind: "text_delta";
  channel: "answer" | "thinking";
  /** Where the text begins in its channel, in UTF-16 units (what browsers count). */
  start: number;
  text: string;
  /** Completion tokens of the call so far. */
  tokens: number;
}

export type TokenOdds = [string, number, [string, number][]];

/** A tool that is no model was used, e.g. a retriever; it costs no tokens. */
export interface ToolUsed {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "tool_used";
  /** 1 for the lane's first use. */
  index: number;
  tool: string;
  input: string;
  output: string;
  after: string[];
}

/** Tokens of one call, as the model server counted them. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  cached_tokens: number;
}

/** The grader's ruling on the lane's answer. */
export interface VerdictReached {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "verdict_reached";
  ruling: "right" | "wrong" | "unreadable" | "timeout" | "ungraded";
  explanation: string;
  expected: string;
  grader: string;
}

/** How the votes stand after one more draft has ended. */
export interface VotesCounted {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "votes_counted";
  round: number;
  /** In the order in which the answers first appear by call; equal answers are merged. */
  tallies: Tally[];
  /** Calls that gave no answer; they do not vote. */
  silent: string[];
  /** Votes when all drafts have ended. */
  expected: number;
}

/** The compact text that the next round starts from. */
export interface WorkspaceWritten {
  /** The lane's id. */
  lane: number;
  /** Milliseconds since the run began. */
  at: number;
  kind: "workspace_written";
  /** 1 for the lane's first workspace. */
  index: number;
  round: number;
  text: string;
  /** Size of the text, in tokens; estimated when the backend cannot count. */
  tokens: number;
  /** Largest size allowed, in tokens. */
  limit: number;
  after: string[];
}

export type RunEvent = LaneStarted | LaneResumed | RoundOpened | RoundClosed | CallStarted | TextDelta | CallRestarted | CallFinished | CallFailed | CallCancelled | WorkspaceWritten | VotesCounted | CandidateScored | NodePlaced | StatisticTaken | ToolUsed | NoteTaken | AnswerGiven | VerdictReached | DraftGraded | LaneFinished | LaneFailed | LaneCancelled | RunEnded;
