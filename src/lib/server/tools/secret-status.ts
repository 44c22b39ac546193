import { z } from 'zod';
import { AWSCURRENT, versionWith } from '../../secrets/store.ts';
import { rotationOutlook } from '../rotation.ts';
import { visible } from '../text.ts';
import { READ_ONLY, type Tool } from './tool.ts';

const time = z.string().nullable().describe('ISO 8601');

/** Two names, two dates and a sentence fit. */
const LONGEST_WARNING = 2_000;

const input = z.strictObject({});

const output = z.object({
  name: z.string(),
  store: z.string().describe('kind of store: aws, local …'),
  createdAt: time,
  changedAt: time,
  deletionAt: time.describe('when the secret will be deleted for good; null while it lives'),
  rotation: z.object({
    enabled: z.boolean().describe('whether the store itself rotates on a schedule'),
    everyDays: z.number().nullable(),
    lastRotatedAt: time,
    nextRotationAt: time,
    dueAt: time.describe('ISO 8601; when it is to be rotated, by whatever means; null where no schedule says'),
    overdue: z.boolean(),
  }),
  underWay: z
    .object({
      state: z.string().describe('claimed, staged, promoted, reverted, undoing; foreign: not begun by this program'),
      by: z.string().nullable(),
      since: time,
      stuck: z.boolean().describe('true when it is older than a rotation takes'),
    })
    .nullable()
    .describe('the rotation that is under way or was left unfinished; null where none is'),
  warnings: z.array(z.string()).describe('what an administrator has to do something about'),
  versions: z
    .array(z.object({ versionId: z.string(), stages: z.array(z.string()) }))
    .describe('labelled versions; AWSCURRENT is in use, AWSPENDING is being prepared by a rotation'),
  fields: z
    .array(z.string())
    .nullable()
    .describe('names of the fields of the current version; null where there is none'),
});

/** Tells how the server's own secret stands; no value of it passes through. */
export const secretStatus: Tool<typeof input, typeof output> = {
  name: 'secret_status',
  title: 'Secret status',
  description:
    'Show the state of the secret that holds the Jamf credentials of this server: its versions and staging labels, ' +
    'when it was changed and rotated, and which fields it has. Never returns a value. `warnings` tells of ' +
    'a rotation that is due, or that was left unfinished.',
  input,
  output,
  annotations: READ_ONLY,
  async run(_input, deps, context) {
    const store = await deps.store();
    const info = await store.describe(deps.secret);
    const readable = info.deletionAt === null && versionWith(info, AWSCURRENT) !== null;
    const { due, underWay, warnings } = await rotationOutlook(store, info, context);
    const current = readable ? await store.read(deps.secret, { stage: AWSCURRENT }) : null;
    return {
      name: info.name,
      store: store.kind,
      createdAt: info.createdAt,
      changedAt: info.changedAt,
      deletionAt: info.deletionAt,
      rotation: { ...info.rotation, dueAt: due?.dueAt ?? null, overdue: due?.overdue ?? false },
      underWay: underWay && {
        state: underWay.state,
        by: underWay.by && visible(underWay.by),
        since: underWay.since,
        stuck: underWay.stuck,
      },
      warnings: warnings.map((text) => visible(text, LONGEST_WARNING)),
      versions: Object.entries(info.stages).map(([versionId, stages]) => ({ versionId, stages: [...stages] })),
      fields: current === null ? null : [...current.fields.keys()].map((name) => visible(name)),
    };
  },
};
