/**
 * Cuts the records out of JSON bytes without parsing them: `{"Records":[…]}` as trails write it, an array of records, one
 * record a line, or the answer of `aws cloudtrail lookup-events`. It sees every byte once, in chunks of any size, and
 * holds no more than the record that it is in, so that a single line of any length can be read.
 */

/** What a stretch of bytes is cut into. */
export interface Cuts {
  /**
   * One record, from its `{` to its `}`.
   * @param bytes - valid until the call returns
   */
  record(bytes: Buffer): void;
  /** Bytes that are not JSON, or no record; told once for each kind. */
  problem(why: string): void;
}

/** A splitter at work on one file. */
export interface Splitter {
  push(chunk: Buffer): void;
  /** No more bytes come. */
  end(): void;
}

/** A record is 256 KB at most (facts/audit.md §5); an event of LookupEvents holds one as text, and other members beside it. */
export const LONGEST_RECORD = 4 << 20;

/** The members of the outermost object that hold records. */
const LISTS = new Set(['Records', 'records', 'Events', 'events']);
/** Of a name, this much is kept: more than any of {@link LISTS} has, so that a long one is none of them. */
const NAME_KEPT = 16;

/** Bytes that mean something outside of texts: `"`, `\`, `{`, `}`, `[`, `]`, `:` and `,`. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const LIST = 0x5b;
const UNLIST = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;

/** Classes of bytes: 0 space, separators and the byte-order mark, 1 to be looked at, 2 belonging to a number or a word. */
const CLASS = new Uint8Array(256).fill(2);
for (const mark of [9, 10, 13, 32, 0xef, 0xbb, 0xbf, COLON, COMMA]) CLASS[mark] = 0;
for (const mark of [QUOTE, OPEN, CLOSE, LIST, UNLIST]) CLASS[mark] = 1;

/** What a byte does to the depth outside of texts; 2 begins a text. */
const TURN = new Int8Array(256);
for (const mark of [OPEN, LIST]) TURN[mark] = 1;
for (const mark of [CLOSE, UNLIST]) TURN[mark] = -1;
TURN[QUOTE] = 2;

const NOT_JSON = 'not all of it is JSON, or a list of records';

/**
 * A splitter for one file.
 * @param cuts - told of each record, in order
 */
export function splitter(cuts: Cuts): Splitter {
  /** How many `{` and `[` are open. */
  let depth = 0;
  /** The depth at which a `{` begins a record; `[` and lists of {@link LISTS} at the outside put it one deeper. */
  let level = 0;
  let inText = false;
  let escaped = false;
  /** The last text of the outermost object, which may be the name of its list. */
  let name = '';
  let nameFrom = -1;
  /** Where the record begins in this chunk; -1 outside of one. */
  let from = -1;
  /** The record's bytes in the chunks before. */
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let tooLong = false;
  const told = new Set<string>();

  const tell = (why: string) => {
    if (told.has(why)) return;
    told.add(why);
    cuts.problem(why);
  };

  const keepName = (chunk: Buffer, end: number) => {
    name += chunk.toString('latin1', nameFrom, Math.min(end, nameFrom + NAME_KEPT - name.length));
  };

  /** Take bytes of the record that is open over into the next chunk. */
  const carry = (bytes: Buffer) => {
    carriedBytes += bytes.length;
    if (carriedBytes > LONGEST_RECORD) {
      tooLong = true;
      carried = [];
    } else if (!tooLong) carried.push(Buffer.from(bytes));
  };

  const cut = (bytes: Buffer) => {
    if (carriedBytes === 0 && bytes.length <= LONGEST_RECORD) cuts.record(bytes);
    else {
      carry(bytes);
      if (tooLong) tell(`a record of more than ${String(LONGEST_RECORD >> 20)} MB is left out`);
      else cuts.record(Buffer.concat(carried));
    }
    carried = [];
    carriedBytes = 0;
    tooLong = false;
  };

  /**
   * Go on in a record, outside of texts, to where its last bracket but one closes, or the chunk ends: nothing there is
   * looked at but depth. Most bytes of a file pass here, so the state is kept at hand meanwhile.
   * @returns the place to go on at
   */
  const within = (chunk: Buffer, start: number, floor: number): number => {
    const end = chunk.length;
    let at = start;
    let deep = depth;
    while (at < end) {
      const turn = TURN[chunk[at] ?? 0] ?? 0;
      if (turn === 2) {
        at += 1;
        // No byte past the end is looked at: that alone would make this three times as slow.
        while (at < end) {
          const byte = chunk[at];
          if (byte === QUOTE) break;
          at += byte === BACKSLASH ? 2 : 1;
        }
        if (at >= end) {
          inText = true;
          escaped = at > end;
          at = end;
          break;
        }
      } else if (turn !== 0) {
        if (deep + turn === floor) break;
        deep += turn;
      }
      at += 1;
    }
    depth = deep;
    return at;
  };

  return {
    push(chunk) {
      const end = chunk.length;
      let at = 0;
      while (at < end) {
        const floor = Math.max(level, 1);
        if (depth > floor && !inText) {
          at = within(chunk, at, floor);
          if (at >= end) break;
        }
        if (inText) {
          if (escaped) {
            escaped = false;
            at += 1;
            continue;
          }
          while (at < end && chunk[at] !== QUOTE && chunk[at] !== BACKSLASH) at += 1;
          if (at >= end) break;
          at += 1;
          if (chunk[at - 1] === BACKSLASH) escaped = true;
          else {
            inText = false;
            if (nameFrom >= 0) keepName(chunk, at - 1);
            nameFrom = -1;
          }
          continue;
        }
        const byte = chunk[at] ?? 0;
        at += 1;
        const kind = CLASS[byte];
        if (kind === 0) continue;
        if (kind === 2) {
          if (depth === level) tell(NOT_JSON);
          continue;
        }
        switch (byte) {
          case QUOTE:
            inText = true;
            if (depth === level) tell(NOT_JSON);
            else if (depth === 1 && level === 0) {
              name = '';
              nameFrom = at;
            }
            break;
          case OPEN:
            if (depth === level) from = at - 1;
            depth += 1;
            break;
          case LIST:
            // The outermost list, or a list of records in the outermost object: what is in it is what is looked for.
            if (depth === 0) level = 1;
            else if (depth === 1 && level === 0 && LISTS.has(name)) {
              level = 2;
              from = -1;
              carried = [];
              carriedBytes = 0;
              tooLong = false;
            } else if (depth === level) tell(NOT_JSON);
            depth += 1;
            break;
          case CLOSE:
          case UNLIST:
            depth -= 1;
            if (depth < 0) {
              tell('it is not JSON: a bracket closes nothing');
              depth = 0;
            } else if (depth === level && byte === CLOSE && (from >= 0 || carriedBytes > 0)) {
              cut(chunk.subarray(Math.max(from, 0), at));
              from = -1;
            } else if (depth < level) level = 0;
            break;
        }
      }
      if (nameFrom >= 0) {
        keepName(chunk, end);
        nameFrom = 0;
      }
      const open = depth > level && (from >= 0 || carriedBytes > 0);
      if (open) {
        carry(chunk.subarray(Math.max(from, 0), end));
        from = 0;
      }
    },
    end() {
      if (inText || depth > 0) tell('it ends in the middle: the rest is missing');
    },
  };
}
