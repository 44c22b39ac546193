/**
 * The report for an auditor: one file that needs nothing, loads nothing and runs nothing. It begins with what nothing
 * explains and ends with what was not looked at.
 */
import { htmlTable, markup, page, type Markup } from '../../format/html.ts';
import { grouped } from '../../format/svg.ts';
import type { AuditResult } from '../audit.ts';
import { homeAccount, shortIdentity } from '../principal.ts';
import { statistics, type Deed, type Figures } from '../stats.ts';
import { unlistedEvidence } from './evidence.ts';
import { hoursFigure, matrixTable, readersFigure, stretchOf, timelineFigure } from './html-charts.ts';
import { placesOf } from '../report.ts';
import { findingsPart, severityText, suppressedPart, unexplainedPart } from './html-findings.ts';
import { STYLE } from './html-style.ts';
import { CAUSES, clipped, counted, DEEDS, momentText, timeCell } from './html-words.ts';
import type { Maker, OpenReport } from './report.ts';

/** Principals that the table of who did it has. */
const PRINCIPALS = 50;

export const htmlReport: OpenReport = (maker) => {
  const stats = statistics();
  const evidence = unlistedEvidence();
  return {
    access(access) {
      stats.see(access);
      return '';
    },
    context: evidence.see,
    end(result) {
      const figures = stats.figures();
      const title = `Access audit of ${nameOf(result)}`;
      const known = evidence.all(result.accesses);
      return page({ title: clipped(title), style: STYLE, body: bodyOf(result, figures, known, maker) });
    },
  };
};

interface Section {
  id: string;
  title: string;
  content: Markup;
}

function bodyOf(
  result: AuditResult,
  figures: Figures,
  evidence: ReturnType<ReturnType<typeof unlistedEvidence>['all']>,
  maker: Maker,
): Markup {
  const account = homeAccount(result.sources, result.principals);
  const stretch = stretchOf(result.window, figures);
  const timed = figures.all.count > figures.timeless;
  const sections: Section[] = [
    { id: 'timeline', title: 'Timeline', content: timed ? timelineFigure(figures, stretch) : NOTHING },
    {
      id: 'findings',
      title: 'Findings',
      content: markup`${findingsPart(result.findings, evidence, account)}${suppressedPart(result)}`,
    },
    { id: 'unexplained', title: 'What nothing explains', content: unexplainedPart(result, account) },
    {
      id: 'readers',
      title: 'Readers by day',
      content:
        figures.readers.rows.size > 0 ? readersFigure(figures, stretch, account) : markup`<p>No value was read.</p>`,
    },
    { id: 'hours', title: 'Hours of the week', content: timed ? hoursFigure(figures) : NOTHING },
    {
      id: 'matrix',
      title: 'Principals and secrets',
      content: figures.all.count > 0 ? matrixTable(figures, account) : NOTHING,
    },
    { id: 'who', title: 'Who it was', content: principalsPart(result, account) },
    { id: 'causes', title: 'What explains the rest', content: causesPart(figures) },
    { id: 'coverage', title: 'What was looked at, and what was not', content: coveragePart(result, figures) },
  ];
  return markup`
<header>
<p class="over">Access audit</p>
<h1>${clipped(nameOf(result))}</h1>
${headline(result, figures)}${askedNote(result)}
<p class="soft">${windowText(result)}${whereText(result)}. Made ${momentText(new Date(maker.now).toISOString())} UTC by jamf-mcp ${maker.version}.</p>
${partialNote(result)}
${factsList(result, figures)}
<nav aria-label="Contents"><ul>${sections.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main>${sections.map(
    ({ id, title, content }) => markup`
<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}
</section>`,
  )}
</main>
<footer><p>Times are UTC. User agents, names of sessions and error texts are shown as the records have them: whoever made the call may have written them.</p></footer>
`;
}

const NOTHING = markup`<p>There was no access.</p>`;

const nameOf = ({ secret }: AuditResult) => secret?.name ?? 'all secrets';

/** `3 of 1,204 reads unexplained`, and what else nothing explains. */
function headline({ unexplained, total }: AuditResult, { deeds: { read } }: Figures): Markup {
  if (total === 0)
    return markup`<p class="headline">No accesses</p><p>None in that time, or no secret of that name.</p>`;
  if (read.count === 0)
    return markup`<p class="headline ${moodOf(unexplained)}"><b>${grouped(unexplained)}</b> of ${counted(total, 'access', 'accesses')} unexplained</p>`;
  const [others, unexplainedOthers] = [total - read.count, unexplained - read.unexplained];
  const rest =
    others === 0
      ? null
      : markup`<p>And <b class="${moodOf(unexplainedOthers)}">${grouped(unexplainedOthers)}</b> of ${counted(others, 'other access', 'other accesses')}: changes, look-ups, and calls that were refused.</p>`;
  return markup`<p class="headline ${moodOf(read.unexplained)}"><b>${grouped(read.unexplained)}</b> of ${counted(read.count, 'read')} unexplained</p>${rest}`;
}

const moodOf = (unexplained: number) => (unexplained === 0 ? 'good' : 'bad');

/** Whose accesses these are, where not everybody's were asked for. */
const askedNote = ({ asked }: AuditResult): Markup | null =>
  asked.length === 0 ? null : markup`<p>Only what was done by ${clipped(asked.join(', '))}.</p>`;

const windowText = ({ window: { since, until } }: AuditResult) =>
  `${since === null && until !== null ? 'all' : momentText(since)} to ${momentText(until)} UTC`;

const whereText = ({ sources }: AuditResult): string =>
  sources.length === 0 ? '' : `, in ${clipped(placesOf(sources))}`;

function partialNote({ sources, skipped }: AuditResult): Markup | null {
  const broken = sources.filter(({ complete }) => !complete).length;
  if (broken > 0)
    return markup`<p class="partial"><b>This report is partial.</b> ${counted(broken, 'source')} of ${grouped(sources.length)} could not be read to the end: there may be accesses that are not counted here. See <a href="#coverage">what was not looked at</a>.</p>`;
  if (skipped.length === 0) return null;
  return markup`<p class="soft">There are limits to what was looked at: see <a href="#coverage">${counted(skipped.length, 'note')}</a>.</p>`;
}

function factsList({ findings }: AuditResult, { deeds, principals, secrets }: Figures): Markup {
  const kinds = Object.entries(DEEDS) as [Deed, string][];
  return markup`<dl class="facts">
<div><dt>Findings</dt><dd>${grouped(findings.length)}<small>${severityText(findings) || 'none'}</small></dd></div>
${kinds
  .filter(([deed]) => deeds[deed].count > 0 || deed === 'read')
  .map(([deed, name]) => {
    const { count, unexplained } = deeds[deed];
    const note =
      unexplained > 0
        ? markup`<small class="bad">${grouped(unexplained)} unexplained</small>`
        : markup`<small>all explained</small>`;
    return markup`<div><dt>${name}</dt><dd>${grouped(count)}${count > 0 ? note : null}</dd></div>`;
  })}
<div><dt>Principals</dt><dd>${grouped(principals)}<small>on ${counted(secrets, 'secret')}</small></dd></div>
</dl>`;
}

function principalsPart({ principals }: AuditResult, account: string | null): Markup {
  if (principals.length === 0) return NOTHING;
  const more = principals.length - PRINCIPALS;
  return markup`<div class="scroll cards" role="region" aria-label="Principals" tabindex="0">${htmlTable({
    caption: `Most unexplained first${more > 0 ? `; ${grouped(more)} more are left out` : ''}`,
    columns: [
      { name: 'principal' },
      { name: 'accesses', kind: 'number' },
      { name: 'unexplained', kind: 'number' },
      { name: 'explained by' },
      { name: 'refused or failed', kind: 'number' },
      { name: 'first, UTC', kind: 'time' },
      { name: 'last, UTC', kind: 'time' },
    ],
    rows: principals.slice(0, PRINCIPALS).map((group) => [
      clipped(shortIdentity(group.identity, account), 160),
      grouped(group.accesses),
      group.unexplained > 0 ? markup`<b class="bad">${grouped(group.unexplained)}</b>` : '0',
      Object.entries(group.explanations)
        .map(([kind, count]) => `${kind} ${grouped(count)}`)
        .join(', ') || '–',
      grouped((group.outcomes.denied ?? 0) + (group.outcomes.failed ?? 0)),
      timeCell(group.first),
      timeCell(group.last),
    ]),
  })}</div>`;
}

function causesPart({ explanations, all }: Figures): Markup {
  if (explanations.size === 0) return markup`<p>Nothing has been explained.</p>`;
  return htmlTable({
    caption: `What ${grouped(all.count - all.unexplained)} accesses were matched with`,
    columns: [{ name: 'cause' }, { name: 'accesses', kind: 'number' }, { name: 'means' }],
    rows: [...explanations].sort(([, a], [, b]) => b - a).map(([kind, count]) => [kind, grouped(count), CAUSES[kind]]),
  });
}

function coveragePart({ sources, skipped, window, asked }: AuditResult, { timeless }: Figures): Markup {
  const left = [
    ...skipped,
    ...(window.since === null
      ? []
      : [{ where: `before ${momentText(window.since)} UTC`, why: 'outside of the window of this audit' }]),
    ...(window.until === null
      ? []
      : [{ where: `after ${momentText(window.until)} UTC`, why: 'outside of the window of this audit' }]),
    ...(asked.length === 0
      ? []
      : [{ where: 'all other principals', why: `only these were asked for: ${asked.join(', ')}` }]),
    ...(timeless === 0
      ? []
      : [
          {
            where: counted(timeless, 'access', 'accesses'),
            why: 'the record tells no time: it is in no graphic over time',
          },
        ]),
  ];
  return markup`${htmlTable({
    caption: 'Sources',
    columns: [
      { name: 'source' },
      { name: 'Region' },
      { name: 'account' },
      { name: 'records on secrets', kind: 'number' },
      { name: 'read to its end' },
    ],
    rows: sources.map(({ kind, place, region, account, events, complete, files }) => [
      [kind, place && clipped(place), files !== undefined && `(${counted(files, 'file')})`].filter(Boolean).join(' '),
      region ?? '–',
      account ?? '–',
      grouped(events),
      complete ? 'yes' : markup`<b class="bad">no</b>`,
    ]),
  })}
${
  left.length === 0
    ? null
    : htmlTable({
        caption: 'Not looked at',
        columns: [{ name: 'what' }, { name: 'why' }],
        rows: left.map(({ where, why }) => [clipped(where), clipped(why, 1_000)]),
      })
}`;
}
