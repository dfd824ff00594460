// The state that reduce.js keeps, and the static facts that the page was served with.

import type { AnswerGiven, LaneCancelled, LaneFailed, LaneFinished, NodePlaced, NoteTaken, Odds, RunEvent, StatisticTaken, ToolUsed, Usage, VerdictReached, VotesCounted, WorkspaceWritten } from "./events";

export type Ruling = VerdictReached["ruling"];
export type LaneState = "queued" | "running" | "finished" | "failed" | "cancelled";

export interface Call {
  key: string;
  round: number;
  role: string;
  prompt: string;
  seed: number;
  maxTokens: number;
  after: readonly string[];
  /** The concurrent part of the lane that asked; empty for the lane's own line. */
  thread: string;
  /** The model that answers, where it is not the recipe's. */
  model: string;
  state: "running" | "done" | "failed" | "cancelled";
  startedAt: number;
  endedAt: number | null;
  /** Deltas written before this moment (ms since the run began) are void: the call was started again. */
  voidBefore: number;
  text: string;
  thinking: string;
  /** Completion tokens so far. */
  tokens: number;
  answer: string | null;
  finishReason: "stop" | "length" | "pruned" | null;
  usage: Usage | null;
  firstTokenAt: number | null;
  retries: number;
  abandonedTokens: number;
  abandonedPromptTokens: number;
  /** What an attempt wrote is known only from the text that viewers were sent. */
  isEstimate: boolean;
  error: string;
  ruling: Ruling | null;
  scores: Map<string, number>;
  /** Of calls whose log-probabilities were asked for. */
  odds: Odds | null;
}

export interface Round {
  index: number;
  name: string;
  openedAt: number;
  closedAt: number | null;
}

export interface Lane {
  id: number;
  state: LaneState;
  startedAt: number | null;
  /** Identities of the facts applied. */
  seen: Set<string>;
  /** When another worker took the lane over, ms since the run began. */
  resumed: number[];
  rounds: Map<number, Round>;
  /** By key, in order of start. */
  calls: Map<string, Call>;
  workspaces: Map<number, WorkspaceWritten>;
  /** The fullest count of each round. */
  votes: Map<number, VotesCounted>;
  /** By round: for every answer, in order of first appearance, the call that first gave it. */
  voteRows: Map<number, string[]>;
  /** By name, in order of arrival, each as it was placed last. */
  nodes: Map<string, NodePlaced>;
  /** By name, in order. */
  statistics: Map<string, StatisticTaken[]>;
  /** With the round that was open. */
  tools: (ToolUsed & { round: number })[];
  notes: NoteTaken[];
  answer: AnswerGiven | null;
  verdict: VerdictReached | null;
  ending: LaneFinished | LaneFailed | LaneCancelled | null;
}

export interface Run {
  status: LaneState;
  lanes: Map<number, Lane>;
}

/** Told of everything that must be painted again: a lane's id (0 for the run) and "head", "body", "nodes", "statistics" or a call's key. */
export type Touch = (lane: number, what: string) => void;

export interface Snapshot {
  epoch: string;
  cursor: number;
  status: LaneState;
  events: RunEvent[];
}

export interface Frame {
  events?: RunEvent[];
  prev?: number;
  cursor?: number;
  epoch?: string;
  snapshot?: boolean;
  status?: LaneState;
  ended?: boolean;
}

export interface LaneFacts {
  id: number;
  column: number;
  row: number;
  repeat: number;
  status: LaneState;
  strategy: string;
  title: string;
  short: string;
  family: string;
  describe: string;
  params: Record<string, unknown>;
  sampling: { temperature: number; top_p: number; max_tokens: number };
  model: string;
  /** What the lane will show besides calls: its boxes stand before the first event. */
  shows: { nodes: boolean; statistics: string[] };
  estimate: { calls: number; depth: number; total_tokens: number; critical_path_tokens: number } | null;
}

/** What `run_facts` in webapp/runs/queries.py gives. */
export interface RunFacts {
  run: {
    id: string;
    title: string;
    status: LaneState;
    created_at: string;
    started_at: string | null;
    ended_at: string | null;
    seed: number;
    budget_tokens: number | null;
    budget_seconds: number | null;
  };
  problem: { question: string; answer: string | null; grader: string };
  lanes: LaneFacts[];
}
