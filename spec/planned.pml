/* The planned switch-over (docs/switch-over.md): the successor waits for `released`, which comes once the log is drained; the holder
 * may hand back before that. (Included by lease.pml with -DPLANNED.)
 *
 * A write that is acknowledged is a step of its own, possible at any time while its fence row is open. How the log gets to the
 * other region is one step: what landed before the markers were written has been applied there.
 */
bit planned;
bit isDrained;    /* what the holder knows of the hand-over: the other region has applied its log up to the markers of this epoch */
bit isJudged;     /* a majority judges the holder failing; in the search for safety it may be wrong in either direction */
/* Ghost: every write that was acknowledged in this region has been applied in the other. */
bit isShipped[2];
/* Invocations that have nothing left to do but their change of the register: of which epoch, the newest. It comes at once, late or never. */
byte releasing[2]; byte handing[2];
#if defined(REACH_HANDBACK) || defined(REACH_PLANNED_AGAIN) || defined(REACH_CALM_HANDBACK)
#define HANDED_BACK
bit isHandedBack;
#endif
#ifdef REACH_NEXT
bit wasPlanned;
#endif
#ifdef LIVE
bit isQuiet;           /* of the region that is dead only the governor is: it looks well, and nobody judges it failing */
#define HANDOVER 2     /* 2 T */
#define isComplete(r) (isDrained && waitLeft[r] == 0)
#endif

/* Another attempt: never planned, whoever names it and however. */
inline forgetPlan() {
#ifdef REACH_NEXT
  if :: planned && epoch == 1 -> wasPlanned = 1 :: else fi;
#endif
#ifndef PLANT_SURVIVES
  planned = 0;
#endif
  isJudged = 0
}

/* The lease changes hands. By `released` the plan came off, and says so; by the clock it is an ordinary failover. */
inline concludePlan(r) {
#ifdef REACH_VERDICT
  assert(!(planned && !released && isDue(r)));
#endif
#ifndef LIVE
  assert(!planned || isJudged || holder == r || isShipped[1-r]);   /* with no verdict nothing is lost */
#endif
#ifndef PLANT_KEEPSPLAN
  if :: !released -> planned = 0 :: else fi;
#endif
#ifndef PLANT_OLDDRAIN
  isDrained = 0;
#endif
  isJudged = 0; isShipped[r] = 0;
}

/* The claim that a take-over leaves in the register: the old holder stays reconciled. */
#define isLeftBehindByPlan (planned && renewable && !isShipped[1-holder])

#ifdef PLANT_SURVIVES
#define mayName (renewable || successor != me)
#else
#define mayName (renewable || successor != me || planned)
#endif

#ifdef PLANT_NOVERDICT
#define mayTake (released || isDue(me))
#else
#define mayTake (released || isDue(me) && (!planned || isJudged))
#endif

/* What a release waits for beside the rows. One that read `not planned` stays right: no epoch becomes planned once it is revoked. */
#ifdef PLANT_UNDRAINED
#define isHandOverDone (waitLeft[me] == 0)
#else
#define isHandOverDone (waitLeft[me] == 0 && (isDrained || !planned))
#endif
#ifdef PLANT_THAWEDRELEASE
#define isSameEpoch(e) (e > 0)
#else
#define isSameEpoch(e) (e == epoch)
#endif

#ifdef PLANT_EARLYDRAIN
#define mayDrain 1
#else
#define mayDrain allShards(isClosedHere, me)
#endif

#ifdef PLANT_LATEPLAN
#define mayPlan (holder != me && (renewable || !planned))
#else
#define mayPlan (holder != me && renewable)
#endif

/* ---- handing back ---- */
/* LAX_…: a rule left out that is a margin; the search must hold all the same (docs/model.md). */
#if defined(LAX_UNCLOSED) || defined(PLANT_HASTYBACK)
#define isSureToHandBack 1
#else
#define isSureToHandBack (isLeaseClosed(me) && allShards(isClosedHere, me))
#endif
#ifdef LAX_INEXACT
#define isAsRead(e) (e == epoch && holder == me)
#else
#ifdef PLANT_BLINDBACK
#define isAsRead(e) 1
#else
#define isAsRead(e) (e == epoch && holder == me && !renewable && !released && planned)
#endif
#endif

inline handBack(r) {
#ifdef HANDED_BACK
  isHandedBack = 1;
#endif
#ifdef PLANT_SAMEEPOCH
  renewable = 1; successor = NOBODY; planned = 0; isDrained = 0; isJudged = 0; right[epoch] = RIGHT; forgetLooks();
#else
#ifndef LIVE
  assert(handing[r] >= epoch);   /* or the other region has taken the same epoch */
  epoch = handing[r];
#endif
  take(r);
  planned = 0;
#if defined(PLANT_HASTYBACK) || defined(LAX_LEASEFIRST)
  raiseLease(r, epoch);
#endif
#ifdef LIVE
  attemptLook[0] = NONE; attemptLook[1] = NONE;   /* an attempt of its own */
#endif
#ifdef PLANT_REOPENED
  for (k : 0 .. K-1) { closedThrough[F(r,k)] = 0; fenceUntil[F(r,k)] = RIGHT }
  k = 0;
#endif
#endif
}

#if K == 2
#define LANDS LAND(0) LAND(1)
#else
#define LANDS LAND(0)
#endif
#define LAND(N) :: d_step { isFaulty && isShipped[me] && isFenceOpen(F(me,N)) -> isShipped[me] = 0 }

#define PLAN \
  /* A person: planned, the asking region is the target. */ \
  :: d_step { isFaulty && epoch < EMAX && mayPlan -> name(me); planned = 1 } \
  /* The verdict, right or wrong, comes and goes. */ \
  :: d_step { isFaulty && planned && !renewable -> isJudged = !isJudged } \
  LANDS \
  /* Drained: markers after the close, in the log, applied. In calm days it may come off or not, before each tick. */ \
  :: d_step { planned && holder == me && !renewable && !released && !isDrained && mayDrain && mayDrainNow -> isDrained = 1; isShipped[me] = 1 } \
  :: d_step { holdsRevoked && isLeaseClosed(me) && allShards(isClosedHere, me) && isHandOverDone && releasing[me] < epoch -> releasing[me] = epoch } \
  :: d_step { isFaulty && holder == me && !renewable && !released && releasing[me] > 0 && isSameEpoch(releasing[me]) -> released = 1 } \
  :: d_step { planned && holdsRevoked && isSureToHandBack && handing[me] < epoch -> handing[me] = epoch } \
  :: d_step { isFaulty && handing[me] > 0 && handing[me] < EMAX && isAsRead(handing[me]) -> handBack(me) }
#ifdef LIVE
#define mayDrainNow (isFaulty || !isDead[0] && !isDead[1] && !hasTicked[me])
#else
#define mayDrainNow 1
#endif
