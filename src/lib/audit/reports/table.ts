/** The report for people, in a file: as on a terminal, without colours. */
import { Chalk } from 'chalk';
import { drawAudit } from '../report.ts';
import type { OpenReport } from './report.ts';

const PAPER = { ink: new Chalk({ level: 0 }), width: 120 };

export const tableReport: OpenReport = () => ({ end: (result) => `${drawAudit(result, PAPER)}\n` });
