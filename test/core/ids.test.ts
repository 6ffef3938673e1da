import { expectTypeOf, it } from 'vitest';
import type { GroupId, InstanceId, RequestId } from '../../harness/domain/ids.ts';
import type { DecisionOf, GroupView, InstanceView, RequestView } from '../../harness/policy/index.ts';

// What the compiler says is checked with the types of the whole project, not when this runs.
it('an id is a number, but no number is an id, nor one kind of id another', () => {
  expectTypeOf<RequestId | GroupId | InstanceId>().toExtend<number>();
  expectTypeOf<number>().not.toExtend<RequestId | GroupId | InstanceId>();
  expectTypeOf<RequestId>().not.toExtend<GroupId | InstanceId>();
  expectTypeOf<GroupId>().not.toExtend<RequestId | InstanceId>();
  expectTypeOf<InstanceId>().not.toExtend<RequestId | GroupId>();
});

it('views show ids of their kind, and decisions take no others', () => {
  expectTypeOf<[RequestView['id'], GroupView['id'], InstanceView['id']]>().toEqualTypeOf<
    [RequestId, GroupId, InstanceId]
  >();
  expectTypeOf<DecisionOf<'migrate'>['requestId']>().toEqualTypeOf<RequestId>();
  expectTypeOf<DecisionOf<'migrate' | 'drain' | 'dispatch'>['groupId']>().toEqualTypeOf<GroupId>();
  expectTypeOf<DecisionOf<'drop'>['groupIds'][number]>().toEqualTypeOf<GroupId>();
});
