/** Dots while it runs; at the end what was skipped, by name, what failed, and one line of counts. */
import Mocha from 'mocha';

export default class Reporter extends Mocha.reporters.Dot {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const skipped: string[] = [];
    runner.on('pending', (test) => skipped.push(test.fullTitle()));
    runner.once('end', () => {
      const { passes = 0, failures = 0 } = runner.stats ?? {};
      for (const title of skipped) console.log(`skipped: ${title}`);
      console.log(`${String(passes)} passed, ${String(failures)} failed, ${String(skipped.length)} skipped`);
    });
  }
}
