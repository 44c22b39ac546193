import assert from 'node:assert/strict';
import { condense, kindOf } from '../../src/lib/ecs/reason.ts';

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
  it('is told apart by everything but its ids', () => {
    assert.equal(kindOf(`task ${'0'.repeat(32)} of ecs-svc/1`), kindOf(`task ${'f'.repeat(32)} of ecs-svc/22`));
    assert.notEqual(kindOf('exit code 1'), kindOf('exit code 2'));
  });
});
