/** JSON for machines: the result as `--json` prints it, or one value a line for what does not fit in memory. */
import { jsonLine, jsonText } from '../../format/json.ts';
import type { OpenReport } from './report.ts';

/** The whole result as one value. */
export const jsonReport: OpenReport = () => ({ end: (result) => `${jsonText(result)}\n` });

/**
 * One value a line, each an object of one member that says what it is: every `access`, however many, oldest first; then
 * every `finding`, worst first; and on the last line `audit`, the rest of the result.
 */
export const ndjsonReport: OpenReport = () => ({
  access: (access) => jsonLine({ access }),
  end({ findings, ...rest }) {
    const audit = { ...rest, accesses: undefined };
    return [...findings.map((finding) => jsonLine({ finding })), jsonLine({ audit })].join('');
  },
});
