import assert from 'node:assert/strict';
import { condense, kindOf, shortly } from '../../src/lib/ecs/reason.ts';

const failure = (request: string, end = 'denied') => `service call failed, RequestID: ${request}, api error: ${end}`;
const A = '00000000-0000-4000-8000-000000000001';
const B = '00000000-0000-4000-8000-000000000002';

describe('a text of ECS that repeats itself', () => {
  it('is said once, with the number of its like', () => {
    assert.equal(
      condense(`ResourceInitializationError: ${failure(A)}; ${failure(B)}; ${failure(A)}.`),
      `ResourceInitializationError: ${failure(A)} (and 2 more like it)`,
    );
  });
  it('keeps every part that says something else, to its end', () => {
    const text = `ResourceInitializationError: ${failure(A)}; ${failure(B, 'no such key')}`;
    assert.equal(condense(text), text);
  });
  it('names the fields that it concerns together', () => {
    const lacks = (field: string) => `retrieved secret from Secrets Manager did not contain json key ${field}`;
    const all = (...fields: string[]) => `unable to retrieve secret from asm: ${fields.map(lacks).join('; ')}`;
    assert.equal(condense(`${all('JAMF_URL')}.`), `${all('JAMF_URL')}.`);
    assert.equal(condense(all('A', 'B')), all('A and B'));
    assert.equal(condense(all('A', 'B', 'C', 'A', 'D')), `${all('A, B and 2 more')} (and 1 more like it)`);
  });
  it('is told by its meaning where it is long and known, else whole', () => {
    const long = `AccessDeniedException: ${failure(A, 'x'.repeat(200))}`;
    assert.match(shortly(long), /^the execution role \(not the task role\) may not read the secret$/);
    assert.equal(shortly('Task failed container health checks'), 'Task failed container health checks');
    const unknown = `gone: ${'y'.repeat(300)}`;
    assert.equal(shortly(unknown), unknown);
  });
  it('is told apart by everything but its ids', () => {
    assert.equal(kindOf(`task ${'0'.repeat(32)} of ecs-svc/1`), kindOf(`task ${'f'.repeat(32)} of ecs-svc/22`));
    assert.notEqual(kindOf('exit code 1'), kindOf('exit code 2'));
  });
});
