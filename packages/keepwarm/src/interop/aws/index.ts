/** keepwarm under the AWS SDK for JavaScript. */
export { type AwsRequestHandler, awsRequestHandler } from './request-handler.ts';
