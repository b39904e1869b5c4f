/** WAITAOF: until what this connection wrote is on disk. Replicas do not exist, so a wait for them ends with the time. */
import { answerLater } from '../answer-later.js';
import { integerArgument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const waitaof: CommandSpec = {
  name: 'waitaof',
  arity: 4,
  flags: ['noscript', 'blocking'],
  keys: null,
  categories: ['@slow', '@blocking', '@connection'],
  summary: "Waits until this connection's writes are synced to the append only file.",
  since: '7.2.0',
  group: 'generic',
  showsNoData: true,
  execute({ argv, server, session, reply, denyBlocking }) {
    const { persistence } = server;
    const locals = integerArgument(argv, 1, 'ERR value is out of range, value must between 0 and 1');
    if (locals < 0 || locals > 1) throw new CommandError('ERR value is out of range, value must between 0 and 1');
    const replicas = integerArgument(argv, 2, 'ERR value is out of range, must be positive');
    if (replicas < 0) throw new CommandError('ERR value is out of range, must be positive');
    const timeoutMs = integerArgument(argv, 3, 'ERR timeout is not an integer or out of range');
    if (timeoutMs < 0) throw new CommandError('ERR timeout is negative');
    if (locals > 0 && !persistence.isAofEnabled) {
      throw new CommandError('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.');
    }
    const lsn = session.lastWriteLsn;
    const answer = () => {
      reply.array(2);
      reply.integer(persistence.isAofEnabled && persistence.isSynced(lsn) ? 1 : 0);
      reply.integer(0);
    };
    const isSatisfied = (locals === 0 || persistence.isSynced(lsn)) && replicas === 0;
    if (isSatisfied || denyBlocking) return answer();
    if (replicas === 0) return answerLater(reply, persistence.waitSynced(lsn, timeoutMs), answer);
    // Without a time limit a wait for replicas would never end: Redis's does not either, ours is cut short.
    return answerLater(reply, server.delay(timeoutMs), answer);
  },
};
