/** BGREWRITEAOF, with Redis's replies. */
import { CommandError } from '../commands/spec.js';
import type { Engine } from '../engine.js';
import type { Logger } from '../env/env.js';

/** Throws CommandError. What becomes of the rewrite is told by INFO, the log and the engine's events. */
export function startRewrite(engine: Engine, logger: Logger, isInUnit: boolean): string {
  if (engine.isRewriting) throw new CommandError('ERR Background append only file rewriting already in progress');
  if (isInUnit) {
    engine.scheduleRewrite();
    return 'Background append only file rewriting scheduled';
  }
  const { rewriteObstacle } = engine;
  if (rewriteObstacle !== null) {
    logger.log('warning', `Can't rewrite append only file in background: ${rewriteObstacle}`);
    throw new CommandError("ERR Can't execute an AOF background rewriting. Please check the server logs for more information.");
  }
  engine.rewrite().catch(() => {});
  return 'Background append only file rewriting started';
}
