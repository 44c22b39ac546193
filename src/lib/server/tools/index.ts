import { findComputers } from './find-computers.ts';
import { secretStatus } from './secret-status.ts';
import type { Tool } from './tool.ts';

/** Every tool there is, in the order in which clients see them. */
export const TOOLS: readonly Tool[] = [findComputers, secretStatus];
