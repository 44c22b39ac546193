/** A thread that plays cells of the crash matrix: its environment and its wire are its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { callsOf, planText, play, plansOf, type Plan } from './matrix-cells.ts';
import { ON_AWS, ON_DISK, onVault, type Place } from './matrix-places.ts';
import { COLUMNS, LATE, type Column } from './rotation-matrix.ts';
import { layWire } from './wire.ts';

/** A column of the matrix, by name. */
export type ColumnName = keyof typeof COLUMNS | `late-${keyof typeof LATE}`;

/** What a thread is asked: the plans of a column, or to play one of them. */
export interface Asked {
  column: ColumnName;
  place: Place['kind'];
  plan: Plan | null;
}

/** What it tells: the plans; of a cell what is wrong with it, and whether it needed help from outside. */
export type Told = { plans: Plan[] } | { wrong: string | null; helped: boolean } | { failed: string };

const columns: Readonly<Record<string, Column>> = {
  ...COLUMNS,
  ...Object.fromEntries(Object.entries(LATE).map(([name, column]) => [`late-${name}`, column])),
};
const vault = workerData as { address: string; token: string } | null;
const places: Partial<Record<Place['kind'], Place>> = {
  aws: ON_AWS,
  local: ON_DISK,
  ...(vault ? { vault: await onVault(vault) } : {}),
};
const wire = layWire();

async function answer({ column: name, place: kind, plan }: Asked): Promise<Told> {
  const { [name]: column } = columns;
  const { [kind]: place } = places;
  if (!column || !place) throw new Error(`there is no column ${name} on ${kind}`);
  if (!plan) return { plans: plansOf(column, place, await callsOf(column, place, wire)) };
  try {
    return { wrong: null, helped: await play(column, place, wire, plan) };
  } catch (error) {
    return {
      wrong: `${planText(plan)}\n${error instanceof Error ? String(error.stack) : String(error)}`,
      helped: false,
    };
  }
}

parentPort?.on('message', (asked: Asked) => {
  void answer(asked)
    .catch((error: unknown) => ({ failed: error instanceof Error ? String(error.stack) : String(error) }))
    .then((told) => parentPort?.postMessage(told));
});
