/** What can be done to the files of a trail, and what is to be found then. */
import assert from 'node:assert/strict';
import { gunzipSync, gzipSync } from 'node:zlib';
import { edit, sign, signingKey, type Chain, type Objects } from './digests.ts';

/** What CloudTrail signs with, and what somebody else does. */
export const key = signingKey();
const stranger = signingKey();

/** What is found, by rule and key; the digests and log files of the untouched chain are in the order of their times. */
export type Finds = [rule: string, key: string][];

/** One way to tamper. */
export interface Tampering {
  what: string;
  change: (objects: Objects, chain: Chain) => void;
  finds: (chain: Chain) => Finds;
  /** In a bucket, where that is something else. */
  bucket?: (chain: Chain) => Finds;
  /** Whether `aws cloudtrail validate-logs` sees it too; it does unless said otherwise. */
  peer?: false;
  /** Digests that are not proved, though nothing is wrong with them: in a folder one, the newest, unless said otherwise. */
  unproved?: number;
}

/** Digests of the chain, each of an hour with two log files. */
export const HOURS = 6;
const at = (list: readonly string[], index: number) => list.at(index) ?? assert.fail('there is no such file');
const object = (objects: Objects, name: string) => objects.get(name) ?? assert.fail(`there is no ${name}`);
const grow = (objects: Objects, name: string, more: Buffer) => {
  const { content, metadata } = object(objects, name);
  objects.set(name, { content: Buffer.concat([content, more]), metadata });
};
const none = () => [];

export const TAMPERINGS: readonly Tampering[] = [
  { what: 'nothing', change: () => undefined, finds: none },
  {
    what: 'a log file edited',
    change: (objects, { logs }) => {
      edit(objects, at(logs, 4), (text) => text.replace('eventID', 'eventIx'));
    },
    finds: ({ logs }) => [['log-file-changed', at(logs, 4)]],
  },
  {
    what: 'a log file packed anew, with the same content',
    change: (objects, { logs }) => {
      const { content } = object(objects, at(logs, 4));
      objects.set(at(logs, 4), { content: gzipSync(gunzipSync(content), { level: 1 }), metadata: {} });
    },
    finds: none,
  },
  {
    what: 'a log file deleted',
    change: (objects, { logs }) => void objects.delete(at(logs, 0)),
    finds: ({ logs }) => [['log-file-missing', at(logs, 0)]],
  },
  {
    what: 'a log file added',
    peer: false,
    change: (objects, { logs }) => {
      objects.set(at(logs, 4).replace(/_[0-9a-f]{16}\./, '_EXAMPLEadded000.'), object(objects, at(logs, 5)));
    },
    finds: ({ logs }) => [['log-file-added', at(logs, 4).replace(/_[0-9a-f]{16}\./, '_EXAMPLEadded000.')]],
  },
  {
    what: 'two log files exchanged',
    change: (objects, { logs }) => {
      const [one, other] = [object(objects, at(logs, 2)), object(objects, at(logs, 3))];
      objects.set(at(logs, 2), other).set(at(logs, 3), one);
    },
    finds: ({ logs }) => [
      ['log-file-changed', at(logs, 2)],
      ['log-file-changed', at(logs, 3)],
    ],
  },
  {
    what: 'a log file cut short',
    change: (objects, { logs }) => {
      const { content } = object(objects, at(logs, 2));
      objects.set(at(logs, 2), { content: content.subarray(0, 40), metadata: {} });
    },
    finds: ({ logs }) => [['log-file-unreadable', at(logs, 2)]],
  },
  {
    what: 'a log file without its last byte',
    peer: false,
    change: (objects, { logs }) => {
      const { content } = object(objects, at(logs, 2));
      objects.set(at(logs, 2), { content: content.subarray(0, -1), metadata: {} });
    },
    finds: ({ logs }) => [['log-file-unreadable', at(logs, 2)]],
  },
  {
    what: 'a log file emptied',
    change: (objects, { logs }) => void objects.set(at(logs, 2), { content: Buffer.alloc(0), metadata: {} }),
    finds: ({ logs }) => [['log-file-unreadable', at(logs, 2)]],
  },
  {
    what: 'records in a second gzip member',
    peer: false,
    change: (objects, { logs }) => {
      grow(objects, at(logs, 2), gzipSync('{"Records":[{"eventID":"made-up"}]}'));
    },
    finds: ({ logs }) => [['trailing-bytes', at(logs, 2)]],
  },
  {
    what: 'one zero byte after a log file',
    peer: false,
    change: (objects, { logs }) => {
      grow(objects, at(logs, 2), Buffer.alloc(1));
    },
    finds: ({ logs }) => [['trailing-bytes', at(logs, 2)]],
  },
  {
    what: 'bytes after a digest',
    peer: false,
    change: (objects, { digests }) => {
      grow(objects, at(digests, 2), Buffer.from('more'));
    },
    finds: ({ digests }) => [['trailing-bytes', at(digests, 2)]],
  },
  {
    what: 'a digest edited to leave a log file out',
    change: (objects, { digests }) => {
      edit(objects, at(digests, 2), (text) => {
        const digest = JSON.parse(text) as { logFiles: unknown[] };
        return JSON.stringify({ ...digest, logFiles: digest.logFiles.slice(1) });
      });
    },
    finds: ({ digests }) => [['digest-changed', at(digests, 2)]],
  },
  {
    what: 'a digest edited, and signed with another key',
    change: (objects, { digests }) => {
      const name = at(digests, 2);
      edit(objects, name, (text) => text.replace(key.fingerprint, stranger.fingerprint));
      const { content, metadata } = object(objects, name);
      const signature = sign(gunzipSync(content), stranger);
      objects.set(name, { content, metadata: { ...metadata, signature } });
    },
    finds: ({ digests }) => [['key-unknown', at(digests, 2)]],
  },
  {
    what: 'a digest edited, and its signature exchanged in the one after it',
    change: (objects, { digests }) => {
      edit(objects, at(digests, 2), (text) => text.replace('"hashAlgorithm":"SHA-256"', '"hashAlgorithm":"SHA-256" '));
      edit(objects, at(digests, 3), (text) =>
        text.replace(/(?<="previousDigestSignature":")./, (digit) => (digit === '0' ? '1' : '0')),
      );
    },
    // Without metadata nothing but the forged digest tells of the other's signature.
    finds: ({ digests }) => [['digest-changed', at(digests, 3)]],
    bucket: ({ digests }) => [
      ['digest-changed', at(digests, 2)],
      ['digest-changed', at(digests, 3)],
    ],
    unproved: 2,
  },
  {
    what: 'a digest deleted',
    change: (objects, { digests }) => void objects.delete(at(digests, 2)),
    finds: ({ digests }) => [['digest-missing', at(digests, 2)]],
    // The signature of the one before it went with it.
    unproved: 2,
  },
  {
    what: 'a digest and its log files deleted',
    change: (objects, { digests, logs }) => {
      for (const name of [at(digests, 2), at(logs, 4), at(logs, 5)]) objects.delete(name);
    },
    finds: ({ digests }) => [['digest-missing', at(digests, 2)]],
    unproved: 2,
  },
  {
    what: 'the digest of an earlier hour put in the place of another',
    change: (objects, { digests }) => void objects.set(at(digests, 3), object(objects, at(digests, 2))),
    finds: ({ digests }) => [['digest-moved', at(digests, 3)]],
    unproved: 2,
  },
  {
    what: 'a digest renamed to an hour of its own',
    peer: false,
    change: (objects, { digests }) => {
      objects.set(at(digests, 2).replace('0030Z', '0031Z'), object(objects, at(digests, 2)));
    },
    finds: ({ digests }) => [['digest-moved', at(digests, 2).replace('0030Z', '0031Z')]],
  },
  {
    what: 'a digest that is another, signed by CloudTrail',
    peer: false,
    change: (objects, { digests }) => {
      const name = at(digests, 2);
      edit(objects, name, (text) => text.replace(/"oldestEventTime":"[^"]+"/, '"oldestEventTime":null'));
      const { content, metadata } = object(objects, name);
      objects.set(name, { content, metadata: { ...metadata, signature: sign(gunzipSync(content), key) } });
    },
    finds: ({ digests }) => [['digest-changed', at(digests, 2)]],
    bucket: ({ digests }) => [['digest-replaced', at(digests, 2)]],
  },
  {
    what: 'a signed digest that no other names',
    peer: false,
    change: (objects, { digests }) => {
      const name = at(digests, 2).replace('0030Z', '0031Z');
      const digest = JSON.parse(gunzipSync(object(objects, at(digests, 2)).content).toString()) as object;
      const content = Buffer.from(JSON.stringify({ ...digest, digestS3Object: name }));
      const metadata = { signature: sign(content, key), 'signature-algorithm': 'SHA256withRSA' };
      objects.set(name, { content: gzipSync(content), metadata });
    },
    finds: ({ digests }) => [['digest-unlinked', at(digests, 2).replace('0030Z', '0031Z')]],
  },
  {
    what: 'a digest that is no JSON',
    change: (objects, { digests }) => {
      objects.set(at(digests, 2), { ...object(objects, at(digests, 2)), content: gzipSync('not JSON') });
    },
    finds: ({ digests }) => [['digest-unreadable', at(digests, 2)]],
    unproved: 2,
  },
  {
    what: 'a digest that unpacks to 65 MiB',
    change: (objects, { digests }) => {
      const content = gzipSync(Buffer.alloc(65 << 20, 0x20));
      objects.set(at(digests, 2), { ...object(objects, at(digests, 2)), content });
    },
    finds: ({ digests }) => [['digest-unreadable', at(digests, 2)]],
    unproved: 2,
  },
  {
    what: 'a signature exchanged in the metadata',
    change: (objects, { digests }) => {
      const { content, metadata } = object(objects, at(digests, 2));
      const { signature = '' } = object(objects, at(digests, 1)).metadata;
      objects.set(at(digests, 2), { content, metadata: { ...metadata, signature } });
    },
    finds: none,
    bucket: ({ digests }) => [['digest-metadata', at(digests, 2)]],
  },
  {
    what: 'a digest written again without its metadata',
    change: (objects, { digests }) => {
      objects.set(at(digests, 2), { content: object(objects, at(digests, 2)).content, metadata: {} });
    },
    finds: none,
    bucket: ({ digests }) => [['digest-metadata', at(digests, 2)]],
  },
  {
    what: 'the newest digest written again without its metadata',
    change: (objects, { digests }) => {
      objects.set(at(digests, -1), { content: object(objects, at(digests, -1)).content, metadata: {} });
    },
    finds: none,
    bucket: ({ digests }) => [['digest-unsigned', at(digests, -1)]],
  },
  {
    what: 'the signature of another algorithm',
    peer: false,
    change: (objects, { digests }) => {
      const { content, metadata } = object(objects, at(digests, -1));
      objects.set(at(digests, -1), { content, metadata: { ...metadata, 'signature-algorithm': 'none' } });
    },
    finds: none,
    bucket: ({ digests }) => [['digest-unsigned', at(digests, -1)]],
  },
];
