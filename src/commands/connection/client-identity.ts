/** CLIENT ID, GETNAME, SETNAME and SETINFO. */
import { CONNECTION, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { assertClientName } from './client-name.js';

const common = { flags: CONNECTION, keys: null, categories: CONNECTION_CATEGORIES, group: 'connection', showsNoData: true };

export const clientId: CommandSpec = {
  ...common,
  name: 'client|id',
  arity: 2,
  summary: 'Tells the number of this connection.',
  since: '5.0.0',
  execute: ({ session, reply }) => reply.integer(session.id),
};

export const clientGetname: CommandSpec = {
  ...common,
  name: 'client|getname',
  arity: 2,
  summary: 'Tells the name of this connection.',
  since: '2.6.9',
  execute({ session, reply }) {
    if (session.name === '') reply.nullBulk();
    else reply.bulk(session.name);
  },
};

export const clientSetname: CommandSpec = {
  ...common,
  name: 'client|setname',
  arity: 3,
  summary: 'Names this connection.',
  since: '2.6.9',
  execute({ argv, session, reply }) {
    const name = argv.latin1(2);
    assertClientName(name);
    session.name = name;
    reply.simple('OK');
  },
};

export const clientSetinfo: CommandSpec = {
  ...common,
  name: 'client|setinfo',
  arity: 4,
  summary: 'Notes the name or version of the client library.',
  since: '7.2.0',
  execute({ argv, session, reply }) {
    const value = argv.latin1(3);
    const option = argv.latin1(2).toLowerCase();
    if (option !== 'lib-name' && option !== 'lib-ver') throw new CommandError(`ERR Unrecognized option '${argv.text(2)}'`);
    assertClientName(value, option);
    if (option === 'lib-name') session.libName = value;
    else session.libVersion = value;
    reply.simple('OK');
  },
};
