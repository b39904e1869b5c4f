/** Orderings of a rewrite: the base, the cut, the manifest. As files.mjs. */
const BASE = 'src/aof/rewrite/base-writer.ts';
const CUT = 'src/aof/rewrite/cut.ts';
const COORDINATOR = 'src/aof/rewrite/rewrite-coordinator.ts';
const FILE_SET = 'src/aof/file-set.ts';

export const rewriteOrderings = [
  {
    id: 'base-renamed-before-synced',
    rule: 'replace a file by temp, fsync, rename, fsync of the directory',
    edits: [
      { file: BASE, from: '      await env.files.rename(temp, path);\n', to: '' },
      {
        file: BASE,
        from: '    this.#log.flush(true);\n    await this.#until(() => this.#value(Status.syncedLsn)',
        to: `    await this.#options.env.files.rename(this.#options.temp, this.#options.path);
    this.#log.flush(true);
    await this.#until(() => this.#value(Status.syncedLsn)`,
      },
      { file: BASE, from: 'env.files.lstat(temp);', to: 'env.files.lstat(path);' },
    ],
  },
  {
    id: 'base-renamed-while-syncing',
    rule: 'replace a file by temp, fsync, rename, fsync of the directory',
    edits: [
      {
        file: BASE,
        from: '    await this.#until(() => this.#value(Status.syncedLsn) === this.#value(Status.appendedLsn), signal);\n',
        to: '    await this.#until(() => this.#value(Status.writtenLsn) === this.#value(Status.appendedLsn), signal);\n',
      },
    ],
  },
  {
    id: 'base-directory-synced-before-rename',
    rule: 'replace a file by temp, fsync, rename, fsync of the directory',
    edits: [
      { file: BASE, from: '      await env.files.syncDirectory(directory);\n', to: '' },
      {
        file: BASE,
        from: '      await env.files.rename(temp, path);\n',
        to: '      await env.files.syncDirectory(directory);\n      await env.files.rename(temp, path);\n',
      },
    ],
  },
  {
    id: 'cut-written-before-named',
    rule: 'the cut (4) before (5): the first write to the new INCR follows the manifest',
    edits: [
      { file: CUT, from: '  log.resumeTarget();\n', to: '' },
      {
        file: CUT,
        from: '  await options.untilDrained();\n',
        to: '  await options.untilDrained();\n  log.resumeTarget();\n',
      },
    ],
  },
  {
    id: 'cut-named-before-drained',
    rule: 'the cut (3) before (4): the old INCR is synced before the manifest names the new one',
    edits: [
      { file: CUT, from: '  await options.untilDrained();\n', to: '' },
      { file: CUT, from: '  log.resumeTarget();\n', to: '  await options.untilDrained();\n  log.resumeTarget();\n' },
    ],
  },
  {
    id: 'base-installed-before-finished',
    rule: 'a file is durable before a manifest names it',
    edits: [
      { file: COORDINATOR, from: '      await port.install(cutSeq);\n', to: '' },
      {
        file: COORDINATOR,
        from: '      const { bytes: baseBytes, renameMs } = await writer.finish(signal);\n',
        to: '      await port.install(cutSeq);\n      const { bytes: baseBytes, renameMs } = await writer.finish(signal);\n',
      },
    ],
  },
  {
    id: 'replaced-files-deleted-before-manifest',
    rule: 'files that a manifest does not name are deleted only after it is durable',
    edits: [
      {
        file: FILE_SET,
        from: '    await manifests.edit((current) => withNewBase(current, { name, seq }, cutSeq));\n',
        to: `    for (const file of withNewBase(manifests.current, { name, seq }, cutSeq).history)
      await this.#env.files.unlink(join(this.#directory, file.name));
    await manifests.edit((current) => withNewBase(current, { name, seq }, cutSeq));\n`,
      },
    ],
  },
];
