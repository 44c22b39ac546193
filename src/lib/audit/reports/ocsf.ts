/**
 * OCSF 1.8.0, one event a line: each access as API Activity (6003) as they pass, then each finding as Detection Finding
 * (2004).
 */
import { jsonLine } from '../../format/json.ts';
import { apiActivity } from './ocsf-activity.ts';
import { findingEvent } from './ocsf-finding.ts';
import { unlistedEvidence } from './evidence.ts';
import type { OpenReport } from './report.ts';

export const ocsfReport: OpenReport = (maker) => {
  const evidence = unlistedEvidence();
  return {
    access: (access) => jsonLine(apiActivity(access)),
    context: evidence.see,
    end(result) {
      const known = evidence.all(result.accesses);
      const time = result.window.until === null ? maker.now : Date.parse(result.window.until);
      return result.findings
        .map((finding) => jsonLine(findingEvent(finding, known, { version: maker.version, time })))
        .join('');
    },
  };
};
