// Why: an owner of several groups writes down once which of them must serve before which, and one command moves them all.
import * as z from 'zod';
import { type PlanEntry, refusalsOfPlan } from '../core/plan/recovery-plan.ts';
import { configError } from './config-error.ts';

const nameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, { error: 'must be a name of 1 to 40 small letters, digits and -, a letter first' });

const entrySchema: z.ZodType<PlanEntry, unknown> = z.lazy(() => {
  const common = { name: nameSchema, after: z.array(z.string()).default([]) };
  return z.union([z.strictObject({ ...common, config: z.string().min(1) }), z.strictObject({ ...common, groups: z.array(entrySchema) })], {
    error: "must be { name, config, after? }, config being the file of the group's configuration, or a plan of its own: { name, groups, after? }",
  });
});

const planSchema = z
  .strictObject({
    name: nameSchema,
    /** Where one group could not move, those that did are moved back. */
    allOrNothing: z.boolean({ error: 'must be true or false' }).default(true),
    groups: z.array(entrySchema, { error: 'must list the groups' }),
  })
  .superRefine(({ groups }, context) => {
    for (const message of refusalsOfPlan(groups)) context.addIssue({ code: 'custom', path: ['groups'], message });
  });

export type RecoveryPlan = z.output<typeof planSchema>;

/** One entry as a user writes it. */
type PlanEntryInput = { readonly name: string; readonly after?: readonly string[] } & ({ readonly config: string } | { readonly groups: readonly PlanEntryInput[] });
export type RecoveryPlanInput = { readonly name: string; readonly allOrNothing?: boolean; readonly groups: readonly PlanEntryInput[] };

/** Checks what the owner wrote. @throws InvalidConfigError that names each thing which is wrong and what it may be */
export function definePlan(input: RecoveryPlanInput): RecoveryPlan {
  const parsed = planSchema.safeParse(input);
  if (!parsed.success) throw configError('the plan', parsed.error);
  return parsed.data;
}
