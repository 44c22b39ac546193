import { memoryStore } from '../../support/memory-store.ts';
import { storeContract } from '../contract.ts';

describe('store contract: in memory', () => {
  storeContract(() => {
    const store = memoryStore();
    return Promise.resolve({
      store,
      scheduleDeletion: (name) => {
        store.scheduleDeletion(name);
        return Promise.resolve();
      },
    });
  });
});
