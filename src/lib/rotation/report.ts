/** How the results of `rotate`, `rotate resume`, `rotate abort` and `rotate undo` look as text. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { RotateOutput, RotateResult } from './work.ts';

/** One environment, or several one below the other. */
export function drawRotateAll(result: RotateOutput, canvas: Canvas): string {
  return 'environments' in result
    ? result.environments.map((each) => drawRotate(each, canvas)).join('\n\n')
    : drawRotate(result, canvas);
}

const VERBS: Readonly<Record<RotateResult['outcome'], string>> = {
  rotated: 'rotated',
  resumed: 'finished the rotation of',
  planned: 'dry run',
  'rolled-back': 'put back',
  undone: 'undid the rotation of',
  withdrawn: 'gave the rotation up of',
  nothing: 'nothing to do for',
  unfinished: 'stopped rotating',
};

/** What was rotated and what is left to do; for a dry run the list of steps. */
export function drawRotate(result: RotateResult, { ink, width }: Canvas): string {
  const name = ink.bold(terminalSafe(result.secret.name));
  const where = `${result.secret.store}, environment ${terminalSafe(result.secret.environment)}`;
  if (result.outcome === 'planned') {
    const rows = result.steps.map(({ name: step, state, text }) => [step, state, terminalSafe(text)]);
    const headers = ['STEP', 'STATE', 'WHAT'].map((header) => ink.dim(header));
    return [`${ink.bold('dry run')} for ${name} (${where}): nothing was changed`, '', table(headers, rows, width)].join(
      '\n',
    );
  }
  const head = `${ink.green(VERBS[result.outcome])} ${name} (${where})`;
  if (result.outcome === 'nothing') return `${head}: no rotation is under way`;
  const facts: [string, string | null][] = [
    ['fields', result.rotated.map(({ field, issuer }) => `${terminalSafe(field)} (by ${issuer})`).join(', ') || null],
    ['version', result.versionId],
    ['before', result.previousVersionId && `${result.previousVersionId}${beforeText(result)}`],
    ['window', windowText(result)],
    ['deployment', result.outcome === 'withdrawn' ? null : deploymentText(result)],
    ['record', result.record && terminalSafe(result.record)],
  ];
  return [
    head,
    ...facts.flatMap(([label, text]) => (text === null ? [] : [`  ${ink.dim(label.padEnd(10))}  ${text}`])),
    ...result.next.flatMap(({ command, why }) => ['', `next: ${terminalSafe(command)}`, `      (${why})`]),
  ].join('\n');
}

const BEFORE: Readonly<Record<RotateResult['before'], string>> = {
  refused: ', refused from now on',
  accepted: ', still accepted until the next rotation',
  unknown: '',
};

const beforeText = ({ before }: RotateResult) => BEFORE[before];

function windowText({ windowMs, strategy, outcome, before, deployment }: RotateResult): string | null {
  if (outcome !== 'rotated' && outcome !== 'resumed') return null;
  if (windowMs === null) {
    return deployment === null && before === 'refused' ? 'open: running tasks hold a value that is refused' : null;
  }
  if (strategy === 'alternate') return 'none: the value before stayed valid throughout';
  const time = windowMs < 1_000 ? `${String(Math.round(windowMs))} ms` : `${String(Math.round(windowMs / 100) / 10)} s`;
  return `${time} from the making of the new value until it was in use`;
}

function deploymentText({ deployment, outcome }: RotateResult): string {
  if (!deployment) {
    return outcome === 'rotated' || outcome === 'resumed'
      ? 'none: running tasks keep the value before until they are redeployed'
      : 'none: running tasks keep what they hold until they are redeployed, as the rule of a schedule does';
  }
  const seconds = Math.round((Date.parse(deployment.finishedAt) - Date.parse(deployment.startedAt)) / 1000);
  return `${deployment.id} ${deployment.state} after ${String(seconds)} s, ${String(deployment.running)} of ${String(deployment.desired)} tasks running`;
}
