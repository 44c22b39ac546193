/** A small cache in front of something slow: newest values, one read at a time, an old value while reading fails. */
import type { Clock } from '../host.ts';

/** How the cache behaves. Times are in ms. */
export interface CacheOptions<T> {
  /** How long a value is given without asking again. */
  ttlMs: number;
  /** How long after that it is still given while reading fails. */
  staleMs: number;
  /** The most entries; the one not asked for the longest goes first. */
  maxEntries: number;
  clock: Clock;
  load(key: string): Promise<T>;
  /** Whether a failure may pass by itself, so that the old value does meanwhile. */
  mayPass(error: unknown): boolean;
  /** Told when an old value is given. */
  onStale(key: string, error: unknown): void;
}

/** The cache. */
export interface Cache<T> {
  /** @throws what `load` throws, unless an old value does */
  get(key: string): Promise<T>;
  /** Read what is there now: never joins a read that began before. @throws what `load` throws */
  refresh(key: string): Promise<T>;
  clear(): void;
}

/** While an old value does, the store is asked again after this time only, and waited for no longer than this. */
const RETRY_MS = 30_000;
const PATIENCE_MS = 5_000;

interface Entry<T> {
  value: T;
  freshUntil: number;
  staleUntil: number;
}

/** Make a cache. */
export function makeCache<T>(options: CacheOptions<T>): Cache<T> {
  const { clock } = options;
  /** In the order of use. */
  const entries = new Map<string, Entry<T>>();
  const flights = new Map<string, Promise<T>>();
  /** What waits for a flight to end, to begin the next. */
  const queued = new Map<string, Promise<T>>();

  const keep = (key: string, entry: Entry<T>) => {
    entries.delete(key);
    entries.set(key, entry);
    for (const oldest of entries.keys()) {
      if (entries.size <= options.maxEntries) break;
      entries.delete(oldest);
    }
  };

  const fly = (key: string): Promise<T> => {
    const flight = options.load(key).then(
      (value) => {
        const freshUntil = clock.now() + options.ttlMs;
        // After clear() this is no longer the flight of its key.
        if (flights.get(key) === flight) keep(key, { value, freshUntil, staleUntil: freshUntil + options.staleMs });
        return value;
      },
      (error: unknown) => {
        if (flights.get(key) === flight && !options.mayPass(error)) entries.delete(key);
        throw error;
      },
    );
    flights.set(key, flight);
    const land = () => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    flight.then(land, land);
    return flight;
  };

  const join = (key: string) => flights.get(key) ?? fly(key);

  /** Rejects where the time is over; the flight goes on and keeps what it brings. */
  const inTime = async (flight: Promise<T>): Promise<T> => {
    const enough = new AbortController();
    const late = clock.sleep(PATIENCE_MS, enough.signal).then(() => {
      throw new Error(`no answer within ${String(PATIENCE_MS / 1000)} s`);
    });
    try {
      return await Promise.race([flight, late]);
    } finally {
      enough.abort();
    }
  };

  return {
    async get(key) {
      const entry = entries.get(key);
      const now = clock.now();
      if (!entry || now >= entry.staleUntil) return join(key);
      if (now < entry.freshUntil) {
        keep(key, entry);
        return entry.value;
      }
      const flight = join(key);
      try {
        return await inTime(flight);
      } catch (error) {
        // What may pass has left the entry where it was; anything else has removed it.
        if (entries.get(key) !== entry) throw error;
        entry.freshUntil = Math.min(clock.now() + RETRY_MS, entry.staleUntil);
        options.onStale(key, error);
        return entry.value;
      }
    },

    refresh(key) {
      const running = flights.get(key);
      if (!running) return fly(key);
      const waiting = queued.get(key);
      if (waiting) return waiting;
      const begin = () => {
        queued.delete(key);
        return fly(key);
      };
      const next = running.then(begin, begin);
      queued.set(key, next);
      return next;
    },

    clear() {
      entries.clear();
      flights.clear();
      queued.clear();
    },
  };
}
