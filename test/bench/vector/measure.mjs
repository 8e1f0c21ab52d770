/** Curves of many engines in interleaved rounds: a slow moment of the machine hits all alike, and only the best counts. */
import { measureRecall, sumBestChunks } from "./curve.mjs";

/**
 * @param subjects  `{ label, engine, index, settings }`; gets `points` and, where a setting failed, `failures`
 * @param options  `exact` neighbours, `k`, `rounds`, `chunk` queries, `budget` seconds of one setting in one round,
 *   `clock`: "wall" or "cpu", `report(text)`
 */
export async function measureCurves(subjects, options) {
  const tasks = subjects.flatMap((subject) => {
    subject.failures = [];
    return subject.settings.map((setting) => ({ subject, setting, rounds: [] }));
  });
  for (let round = 0; round <= options.rounds; round++) {
    options.report(round === 0 ? "recall, and everything warm" : `round ${round} of ${options.rounds}`);
    // Each setting of each engine follows another engine's: no two rounds find the same order.
    for (const task of rotate(tasks, round)) {
      if (!task.failed) await (round === 0 ? measureFirst(task, options) : measureAgain(task, options));
    }
  }
  for (const subject of subjects) {
    subject.points = tasks
      .filter((task) => task.subject === subject && !task.failed)
      .map((task) => toPoint(task, options));
  }
}

function rotate(tasks, round) {
  const at = Math.floor((tasks.length * round) / 3) % Math.max(1, tasks.length);
  return [...tasks.slice(at), ...tasks.slice(0, at)];
}

/** As many chunks as four rounds' budget lets: recall wants all queries, a slow engine gets fewer. */
async function measureFirst(task, { exact, k, chunk, budget }) {
  const { subject, setting } = task;
  const recalls = [];
  let spent = 0;
  try {
    for (let from = 0; from < exact.length && (from === 0 || spent < 4 * budget); from += chunk) {
      const to = Math.min(exact.length, from + chunk);
      const answer = await subject.engine.call("search", { index: subject.index, setting, from, to, chunk });
      for (const [i, found] of answer.found.entries()) recalls.push(measureRecall(found, exact[from + i], k));
      spent += answer.wall[0];
    }
  } catch (error) {
    task.failed = true;
    subject.failures.push({ setting, message: error.message, code: error.code });
    return;
  }
  task.recall = recalls.reduce((sum, each) => sum + each, 0) / recalls.length;
  const perQuery = spent / recalls.length;
  const affordable = Math.max(1, Math.floor(budget / (perQuery * chunk)));
  task.queries = Math.min(recalls.length, affordable * chunk);
}

async function measureAgain(task, { chunk }) {
  const { subject, setting, queries } = task;
  const request = { index: subject.index, setting, from: 0, to: queries, chunk };
  const { wall, cpu } = await subject.engine.call("search", request);
  task.rounds.push({ wall, cpu });
}

function toPoint({ setting, recall, queries, rounds }, { clock }) {
  const seconds = (name) => sumBestChunks(rounds.map((round) => round[name])).seconds;
  const [wall, cpu] = [seconds("wall"), seconds("cpu")];
  const used = clock === "cpu" ? cpu : wall;
  return { setting, recall, qps: queries / used, cpuMsPerQuery: (cpu * 1000) / queries, queries };
}

/** Queries per second with several in flight, best of the rounds; recall of what was answered. */
export async function measureThroughput(subjects, { exact, k, rounds, inFlight, budget }) {
  const tasks = subjects.flatMap((subject) => {
    subject.failures = [];
    return subject.settings.map((setting) => ({ subject, setting, qps: 0 }));
  });
  for (let round = 0; round <= rounds; round++) {
    for (const task of tasks) {
      const { subject, setting } = task;
      const to = round === 0 ? Math.min(exact.length, 8 * inFlight) : task.queries;
      if (task.failed) continue;
      try {
        const request = { index: subject.index, setting, from: 0, to, inFlight };
        const { found, seconds } = await subject.engine.call("throughput", request);
        if (round === 0) {
          const affordable = Math.floor((2 * budget * to) / seconds);
          task.queries = Math.min(exact.length, Math.max(to, affordable));
          continue;
        }
        task.qps = Math.max(task.qps, to / seconds);
        task.recall = found.reduce((sum, rows, i) => sum + measureRecall(rows, exact[i], k), 0) / found.length;
      } catch (error) {
        task.failed = true;
        subject.failures.push({ setting, message: error.message, code: error.code });
      }
    }
  }
  for (const subject of subjects) {
    subject.points = tasks
      .filter((task) => task.subject === subject && !task.failed)
      .map(({ setting, recall, qps, queries }) => ({ setting, recall, qps, queries }));
  }
}
