/** The findings and the unexplained accesses in the HTML report, each with its evidence. */
import { htmlTable, markup, type Markup, type Piece } from '../../format/html.ts';
import { grouped } from '../../format/svg.ts';
import type { AuditedAccess } from '../access.ts';
import type { AuditResult } from '../audit.ts';
import { SEVERITIES, type Finding } from '../detectors/detector.ts';
import { identityOf, shortIdentity } from '../principal.ts';
import { clipped, counted, secretText, timeCell } from './html-words.ts';
import { ruleOf, techniqueUrl } from './rules.ts';

/** Events of a finding that are shown with all they tell; the others by their ids. */
const SHOWN = 5;

/** Unexplained accesses that are shown. */
const MOST_UNEXPLAINED = 500;

/** How many findings there are of which severity: `1 critical, 3 high`. */
export function severityText(findings: readonly Finding[]): string {
  return SEVERITIES.map((severity) => [findings.filter((one) => one.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${grouped(count)} ${severity}`)
    .join(', ');
}

/** All findings, worst first. */
export function findingsPart(
  findings: readonly Finding[],
  evidence: ReadonlyMap<string, AuditedAccess>,
  account: string | null,
): Markup {
  if (findings.length === 0) return markup`<p>No detector found anything in what was read.</p>`;
  const kinds = [...Map.groupBy(findings, (finding) => ruleOf(finding).id)];
  return markup`${
    findings.length >= 2 * kinds.length && kinds.length > 1
      ? htmlTable({
          caption: 'Detectors that found something',
          columns: [{ name: 'detector' }, { name: 'finds' }, { name: 'findings', kind: 'number' }, { name: 'worst' }],
          rows: kinds.map(([id, same]) => [
            id,
            ruleOf({ id }).title,
            grouped(same.length),
            SEVERITIES.find((severity) => same.some((one) => one.severity === severity)) ?? '',
          ]),
        })
      : null
  }${findings.map((finding, index) => findingPart(finding, index, evidence, account))}`;
}

function findingPart(
  finding: Finding,
  index: number,
  evidence: ReadonlyMap<string, AuditedAccess>,
  account: string | null,
): Markup {
  const { severity, title, why, fix, technique, eventIds, count } = finding;
  const known = eventIds.flatMap((id) => evidence.get(id) ?? []);
  const shown = known.slice(0, SHOWN);
  const others = eventIds.filter((id) => !shown.some(({ eventId }) => eventId === id));
  const unnamed = Math.max(0, count - eventIds.length);
  return markup`
<article class="${severity}" aria-labelledby="finding-${index + 1}"><header><span class="badge ${severity}">${severity}</span><h3 id="finding-${index + 1}">${clipped(title)}</h3></header>
<p>${clipped(why, 2_000)}</p>
<p class="fix"><b>What to do:</b> ${clipped(fix, 2_000)}</p>
<p class="soft">${ruleOf(finding).id} · <a href="${techniqueUrl(technique)}" rel="noreferrer noopener">ATT&amp;CK ${technique}</a>${count > 0 ? ` · ${counted(count, 'event')}` : ''}</p>
${shown.length > 0 ? accessTable(shown, { caption: 'Evidence', account, explained: true }) : null}${
    others.length > 0
      ? markup`<details class="events"><summary>${counted(others.length, 'more event', 'more events')} by id</summary><ul class="ids">${others.map(
          (id) => markup`<li class="code">${clipped(id, 80)}</li>`,
        )}</ul></details>`
      : null
  }${unnamed > 0 ? markup`<p class="soft">${counted(unnamed, 'further event')} of the same kind ${unnamed === 1 ? 'is' : 'are'} not named here.</p>` : null}
</article>`;
}

/** What suppressions have taken out of the findings; nothing where there are none. */
export function suppressedPart({ suppressed }: AuditResult): Markup | null {
  if (suppressed.length === 0) return null;
  return htmlTable({
    caption: 'Set aside by a suppression in jamf-mcp.yaml, and in no count above',
    columns: [{ name: 'finding' }, { name: 'severity' }, { name: 'reason' }, { name: 'until', kind: 'time' }],
    rows: suppressed.map(({ title, severity, reason, until }) => [
      clipped(title),
      markup`<span class="badge ${severity}">${severity}</span>`,
      clipped(reason),
      clipped(until, 40),
    ]),
  });
}

/** The accesses that nothing explains. */
export function unexplainedPart({ accesses, unexplained }: AuditResult, account: string | null): Markup {
  if (unexplained === 0) return markup`<p>Every access has a cause that this audit knows.</p>`;
  const shown = accesses.filter(({ explanation }) => explanation === null).slice(0, MOST_UNEXPLAINED);
  const caption =
    shown.length < unexplained
      ? `The first ${grouped(shown.length)} of ${grouped(unexplained)}; the CSV and NDJSON reports have all of them`
      : unexplained === 1
        ? 'The one access'
        : `All ${grouped(unexplained)} of them, oldest first`;
  return accessTable(shown, { caption, account, explained: false });
}

function accessTable(
  accesses: readonly AuditedAccess[],
  { caption, account, explained }: { caption: string; account: string | null; explained: boolean },
): Markup {
  return markup`<div class="scroll cards accesses" role="region" aria-label="${caption}" tabindex="0">${htmlTable({
    caption,
    columns: [
      { name: 'time, UTC', kind: 'time' },
      { name: 'who' },
      { name: 'what' },
      { name: 'from where, with what' },
      ...(explained ? [{ name: 'explained by' }] : []),
    ],
    rows: accesses.map((access) => [
      markup`${timeCell(access.time)}<small class="code">${clipped(access.eventId, 80)}</small>`,
      who(access, account),
      deed(access),
      origin(access),
      ...(explained
        ? [access.explanation === null ? markup`<span class="bad">nothing</span>` : access.explanation.kind]
        : []),
    ]),
  })}</div>`;
}

function who({ principal, console, mfa }: AuditedAccess, account: string | null): Piece {
  const notes = [
    principal.session === null ? null : `session ${clipped(principal.session, 80)}`,
    principal.credential === 'long-term' ? `long-term key ${clipped(principal.accessKeyId ?? '', 40)}`.trimEnd() : null,
    console ? 'in the console' : null,
    mfa === false && console ? 'without a second factor' : null,
  ].filter((note) => note !== null);
  const name = clipped(shortIdentity(identityOf(principal), account), 160);
  return [name, ...notes.map(noted)];
}

const noted = (note: string): Markup => markup`<small>${note}</small>`;

function deed({ action, outcome, error, secret }: AuditedAccess): Piece {
  const word = outcome === 'denied' ? 'refused' : 'failed';
  return [
    clipped(action, 80),
    noted(secret === null ? 'names no secret' : clipped(secretText(secret))),
    outcome === 'success'
      ? null
      : markup`<small class="warn">${word}${error === null ? '' : `: ${clipped(error.code, 80)}`}</small>`,
  ];
}

function origin({ sourceIp, vpcEndpointId, userAgent }: AuditedAccess): Piece {
  return [
    clipped(sourceIp ?? 'no address', 80),
    vpcEndpointId === null ? null : noted(`through ${clipped(vpcEndpointId, 80)}`),
    userAgent === null ? null : noted(clipped(userAgent, 160)),
  ];
}
