// Calls of azure-sb as it is published, for tests/endpoints/test_azure_sb.py.
//
//   node azure_sb.js CONNECTION_STRING [NAME...]  make the calls (all of them, or these) in turn, and print what the
//                                                 callback of each was given, as JSON
//   node azure_sb.js > azure_sb.json              call nobody, and print what each would have sent
//
// The package knows queues and topics, not hubs; to it, a hub is one of either. Any path may stand for a queue's name.
'use strict';

const http = require('http');
const net = require('net');
const azure = require('azure-sb');

const BATCH = 'application/vnd.microsoft.servicebus.json';

const CALLS = {
  'text': ['sendQueueMessage', 'Events', 'Strömung'],
  'empty': ['sendQueueMessage', 'events', ''],
  'bytes': ['sendQueueMessage', 'events', { body: Buffer.from([0xff, 0x00]) }],
  'content type': ['sendQueueMessage', 'events', { body: '{"n": 1}', contentType: 'application/json' }],
  'partition key': ['sendQueueMessage', 'events', { body: 'x', brokerProperties: { PartitionKey: 'device-1' } }],
  'accented partition key': ['sendQueueMessage', 'events', { body: 'x', brokerProperties: { PartitionKey: 'Gerät' } }],
  'accented partition key of bytes': [
    'sendQueueMessage',
    'events',
    { body: Buffer.from('x'), brokerProperties: { PartitionKey: 'Gerät' } },
  ],
  'broker properties': [
    'sendQueueMessage',
    'events',
    { body: 'x', brokerProperties: { CorrelationId: 'c', Label: 'l', MessageId: 'm', TimeToLive: 60 } },
  ],
  'custom properties': [
    'sendQueueMessage',
    'events',
    {
      body: 'x',
      customProperties: { Alert: 'Strong Wind', digits: '42', count: 42, level: 1.5, on: true, place: 'Höhe' },
    },
  ],
  'accented property of bytes': [
    'sendQueueMessage',
    'events',
    { body: Buffer.from('x'), customProperties: { place: 'Höhe' } },
  ],
  'date': ['sendQueueMessage', 'events', { body: 'x', customProperties: { at: new Date(0) } }],
  'topic': ['sendTopicMessage', 'events', { body: 'x', brokerProperties: { PartitionKey: 'device-1' } }],
  'partition': ['sendQueueMessage', 'events/partitions/2', 'x'],
  'publisher': ['sendQueueMessage', 'events/publishers/dev-1', 'x'],
  'batch': [
    'sendQueueMessage',
    'events',
    {
      body: JSON.stringify([
        { Body: 'a', UserProperties: { Alert: 'Wind' }, BrokerProperties: { PartitionKey: 'device-1' } },
        { Body: 'b', BrokerProperties: { PartitionKey: 'device-1' } },
      ]),
      contentType: BATCH,
    },
  ],

  'hub': ['getQueue', 'Events'],
  'consumer group': ['getQueue', 'events/consumergroups/$Default'],
  'runtime': ['getTopic', 'events/consumergroups/$Default/partitions/0'],
  'delete': ['deleteQueue', 'events'],

  'no such hub': ['sendQueueMessage', 'nohub', 'x'],
  'no such hub to get': ['getQueue', 'nohub'],
  'key on a partition': [
    'sendQueueMessage',
    'events/partitions/2',
    { body: 'x', brokerProperties: { PartitionKey: 'device-1' } },
  ],
  'receive': ['receiveQueueMessage', 'events'],
  'create queue': ['createQueue', 'orders', { MaxSizeInMegabytes: 1024 }],
  'create existing queue': ['createQueueIfNotExists', 'events'],
  'list queues': ['listQueues', { top: 10, skip: 0 }],
};

function call(service, name) {
  const [method, ...parameters] = CALLS[name];
  return new Promise((resolve) => {
    service[method](...parameters, (error, ...results) => resolve({ error, results }));
  });
}

async function run(connectionString, names) {
  const service = azure.createServiceBusService(connectionString);
  const answers = {};
  for (const name of names) {
    answers[name] = await call(service, name);
  }
  return answers;
}

// The bytes are the same each time: the name is Azure's, the port http's own, and the clock stands in 2100, so that the
// signatures stay valid. Of the client's transport, only where it connects to is changed.
async function record() {
  process.env.TZ = 'UTC';
  const Clock = Date;
  global.Date = class extends Clock {
    constructor(...given) {
      super(...(given.length ? given : [Clock.UTC(2100, 0)]));
    }
  };
  let sent;
  const server = net.createServer((socket) => {
    let data = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      data = Buffer.concat([data, chunk]);
      const end = data.indexOf('\r\n\r\n') + 4;
      const head = data.toString('latin1', 0, end);
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head);
      if (end >= 4 && data.length >= end + (length ? Number(length[1]) : 0)) {
        sent = { head: head.split('\r\n').slice(0, -2), body: data.toString('latin1', end) };
        socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const service = azure.createServiceBusService(
    'Endpoint=http://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;' +
      'SharedAccessKey=dGhlIHRlc3RzJyBvd24ga2V5'
  );
  service.agent = new http.Agent({ keepAlive: true });
  service.agent.createConnection = () => net.connect(server.address().port, '127.0.0.1');
  const requests = {};
  for (const name of Object.keys(CALLS)) {
    await call(service, name);
    requests[name] = sent;
  }
  server.close();
  return requests;
}

const [connectionString, ...names] = process.argv.slice(2);
const done = connectionString ? run(connectionString, names.length ? names : Object.keys(CALLS)) : record();
done.then((result) => console.log(JSON.stringify(result, null, 2)));
