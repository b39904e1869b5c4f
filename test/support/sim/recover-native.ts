/** As recover.ts, with the addon on a real directory: the image is written there, opened, appended to, and opened again. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { settingsFromConfig } from '../../../src/aof/settings-from-config.js';
import type { Backend } from '../../../src/backend/backend.js';
import { Config } from '../../../src/config/config.js';
import type { ConfigOptions } from '../../../src/config/option-names.js';
import { Engine } from '../../../src/engine.js';
import { createNodeEnv } from '../../../src/env/node-env.js';
import { type Image, materialize } from './image.js';
import { type Recovered, sameOrThrow } from './recover.js';

export class NativeRecoverer {
  private readonly scratch: string;

  /** `parent`: a directory in memory, for speed. */
  constructor(
    private readonly backend: Backend,
    private readonly config: ConfigOptions,
    parent: string,
  ) {
    this.scratch = mkdtempSync(join(parent, 'everysec-states-'));
  }

  async recover(image: Image): Promise<Recovered> {
    const left = join(this.scratch, 'left');
    const killed = join(this.scratch, 'killed');
    try {
      mkdirSync(left);
      materialize(image, left);
      const first = await this.open(left);
      const { commands } = first;
      const lsn = first.engine.appendedLsn;
      // What stands in the page cache while it is open is what it leaves when it is killed. Its lock file goes with it, unheld.
      cpSync(left, killed, { recursive: true });
      const opened = await this.open(killed);
      sameOrThrow(opened.commands, commands, 'opened again after a kill');
      await opened.engine.close();
      const probe = first.engine.propagator?.append(3, ['SET', 'probe', 'x']) ?? -1;
      first.engine.noteAppended(probe);
      await first.engine.synced(probe);
      await first.engine.close();
      const second = await this.open(left);
      sameOrThrow(second.commands, [...commands, '3 SET probe x'], 'after one more command and a clean close');
      await second.engine.close();
      return { commands, lsn, nested: 0 };
    } finally {
      rmSync(left, { recursive: true, force: true });
      rmSync(killed, { recursive: true, force: true });
    }
  }

  remove(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }

  private async open(root: string): Promise<{ engine: Engine; commands: string[] }> {
    const commands: string[] = [];
    const engine = new Engine({
      env: createNodeEnv({ logger: { log: () => undefined } }),
      backend: this.backend,
      settings: settingsFromConfig(Config.fromOptions({ ...this.config, appendonly: true, dir: join(root, 'data') })),
      host: { apply: (db, argv) => void commands.push(`${db} ${argv.map((arg) => arg.latin1Slice()).join(' ')}`) },
      databases: 16,
    });
    await engine.open();
    return { engine, commands };
  }
}
