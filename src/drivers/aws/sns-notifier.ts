// Tells people through the group's SNS topic of this region.
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Notice, Notifier } from '../../ports/notifier.ts';

const timeoutMs = 1000;
/** SNS: a subject is ASCII without line breaks, at most 100 characters. */
const subjectLengthMax = 100;

export class SnsNotifier implements Notifier {
  readonly #client: SNSClient;
  readonly #topicArn: string;

  constructor(region: string, topicArn: string) {
    this.#client = new SNSClient({ region, maxAttempts: 1, requestHandler: new NodeHttpHandler({ connectionTimeout: 500, requestTimeout: timeoutMs, throwOnRequestTimeout: true }) });
    this.#topicArn = topicArn;
  }

  async notify(notice: Notice): Promise<void> {
    const subject = `[${notice.severity}] ${notice.subject}`.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, subjectLengthMax);
    await this.#client.send(new PublishCommand({ TopicArn: this.#topicArn, Subject: subject, Message: notice.text }));
  }
}
