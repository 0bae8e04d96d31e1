/* Who may act: lease, revocation, release, fence rows and gate of two candidates over an atomic register (that the register is
 * atomic is shown by register.pml). docs/model.md says what is left out and maps each action to the code.
 *
 * Time. Every stored time is relative to its region's clock, which always reads NOW: a tick of Clock lowers the times. Past
 * times are only ever compared with each other, so that their order is kept and the gaps are closed (pack): the model has no
 * last moment, and no renewal is the last. No step is urgent: time may pass before any of them (a freeze, a lost message).
 *
 * Overlap. A conditional write whose condition and values are facts that stay true once they are true (epochs, "this renewal was
 * chosen") may be carried out at any later moment by any number of late, repeated or overlapping invocations: here it is one
 * step that is possible at any time from then on, and never has to happen (crash, loss).
 */
#ifndef K
#define K 1        /* fence rows a region */
#endif
#ifndef EMAX
#define EMAX 3     /* epochs: EMAX - 1 take-overs */
#endif
#ifndef DUR
#define DUR 2      /* D */
#endif
#ifndef EPS
#define EPS 0      /* the allowance of each side */
#endif
#ifndef SIG
#define SIG 0      /* two clocks of one region */
#endif
#ifndef EFF
#define EFF 0      /* from reading the clock to the answer's leaving */
#endif
#ifndef CACHE
#define CACHE 0    /* how long a gate may use the row that it read */
#endif
#ifdef LIVE
#define ETOP (EMAX+3)
#else
#define ETOP EMAX
#endif

#define NOW  14
#define LOW  (NOW-EFF)     /* below, only the order of times matters */
#define GOOD 255           /* closed for good */
#define NONE 200           /* no look at this renewal yet */
#define NOBODY 2
#define RIGHT (NOW+DUR-EPS+SIG)   /* the deadline of a renewal that begins now, by a clock that runs ahead */
#define DUE   (DUR+EPS-SIG)       /* a look of this age is D + EPS old by a clock that runs ahead */
#define LIMIT (2*(DUR+EPS))

/* The register's value. */
bit holder; byte epoch = 1; bit renewable = 1; bit released; byte successor = NOBODY;
/* Each region's rows: lease, look, K fences. */
byte leaseEpoch[2]; byte leaseUntil[2]; bit isOpened[2]; byte closedEpoch[2];
byte look[2] = NONE;
byte fenceEpoch[2*K]; byte fenceUntil[2*K]; byte closedThrough[2*K];
/* By epoch: who took it, and the latest deadline of its chosen renewals (what a late row write may carry). */
bit takenBy[ETOP+1]; byte right[ETOP+1]; byte lost[2];   /* the newest epoch that the other region took */
/* OpenGate under way. */
byte opening[2]; bit isFenceTxDone[2];
/* Release under way: what is left of its wait, and what it has done where a planted bug leaves no trace in the rows. */
byte waitLeft[2];
bit isLeaseShut[2]; bit isShardShut[2*K];
/* Ghosts: how long an answer of a gate that read the row before may still leave; up to which epoch no write may land any more;
 * which epoch OpenGate has opened. */
byte cached[2]; byte barred[2]; byte opened[2];
#ifdef DRIFT
byte sinceSlip[2];         /* each clock may lose or gain one unit, once in D + EPS */
#endif
#ifdef MINORITY
bit isLeftBehind; byte leftRight; bit isLookAtLeft[2];   /* a renewal that reached a minority */
#endif
#ifdef LIVE
bit isFailingOver; bit isCalm; bit isDead[2]; bit hasTicked[2]; byte attemptLook[2] = NONE;
#endif
#ifdef PLANT_P2
bit isReservedAgain;
#endif

byte k, x, gap; bit isHit, isBelow, isAll;   /* of single steps, 0 between them */

#define F(r,k) ((r)*K+(k))
#define isFenceOpen(i) (closedThrough[i] != GOOD && fenceUntil[i] > closedThrough[i])
#define isLeaseOpen(r) (isOpened[r] && leaseEpoch[r] > 0 && closedEpoch[r] < leaseEpoch[r])
#ifdef PLANT_C9
#define mayAnswer(r) (isLeaseOpen(r) && leaseUntil[r]+EFF+CACHE > NOW || cached[r] > 0)
#else
#define mayAnswer(r) (isLeaseOpen(r) && leaseUntil[r]+EFF > NOW || cached[r] > 0)
#endif
#if K == 2
#define allShards(p, r) (p(F(r,0)) && p(F(r,1)))
#define anyShard(p) (p(0,0) || p(0,1) || p(1,0) || p(1,1))
#else
#define allShards(p, r) (p(F(r,0)))
#define anyShard(p) (p(0,0) || p(1,0))
#endif
#define isGood(i) (closedThrough[i] == GOOD)
#define isServing(r) (holder == r && renewable && isLeaseOpen(r) && leaseUntil[r] > NOW && allShards(isFenceOpen, r))

/* ---- time ---- */
inline lower(t) { if :: t > 0 && t < GOOD -> assert(t > 1); t-- :: else fi }

inline pass(r) {
  for (k : 0 .. K-1) { lower(fenceUntil[F(r,k)]); lower(closedThrough[F(r,k)]) }
  lower(leaseUntil[r]);
  for (x : 1 .. ETOP) { if :: takenBy[x] == r -> lower(right[x]) :: else fi }
#ifdef MINORITY
  if :: holder == r -> lower(leftRight) :: else fi;
#endif
  if :: look[r] < DUE -> look[r]++ :: else fi;
#ifdef LIVE
  if :: attemptLook[r] < LIMIT -> attemptLook[r]++ :: else fi;
#endif
  if :: waitLeft[r] > 0 -> waitLeft[r]-- :: else fi;
  k = 0; x = 0
}

inline mark(t) { isHit = isHit || t == gap; isBelow = isBelow || (t > 0 && t < gap) }
inline lift(t) { if :: t > 0 && t < gap -> t++ :: else fi }

/* Past times keep their order and lose their distance. */
inline pack(r) {
  gap = LOW;
  do
  :: isHit = 0; isBelow = 0;
     for (k : 0 .. K-1) { mark(fenceUntil[F(r,k)]); mark(closedThrough[F(r,k)]) }
     mark(leaseUntil[r]);
     for (x : 1 .. ETOP) { if :: takenBy[x] == r -> mark(right[x]) :: else fi }
#ifdef MINORITY
     if :: holder == r -> mark(leftRight) :: else fi;
#endif
     if
     :: !isBelow -> break
     :: isBelow && isHit -> gap--
     :: else ->
        for (k : 0 .. K-1) { lift(fenceUntil[F(r,k)]); lift(closedThrough[F(r,k)]) }
        lift(leaseUntil[r]);
        for (x : 1 .. ETOP) { if :: takenBy[x] == r -> lift(right[x]) :: else fi }
#ifdef MINORITY
        if :: holder == r -> lift(leftRight) :: else fi;
#endif
     fi
  od;
  k = 0; x = 0; gap = 0; isHit = 0; isBelow = 0
}

inline age(r) { if :: cached[r] > 0 -> cached[r]-- :: else fi }

/* ---- the register's changes ---- */
#ifdef PLANT_NOCLOCK
#define isDue(r) 1
#else
#ifdef MINORITY
#define isDue(r) (look[r] != NONE && look[r] >= DUE && !isLookAtLeft[r])
#else
#define isDue(r) (look[r] != NONE && look[r] >= DUE)
#endif
#endif

#ifdef PLANNED
#include "planned.pml"
#endif

inline forgetLooks() {
#ifdef MINORITY
  isLeftBehind = 0; leftRight = 0;
#ifdef PLANT_C7
  if :: isLookAtLeft[0] -> isLookAtLeft[0] = 0 :: else -> look[0] = NONE fi;
  if :: isLookAtLeft[1] -> isLookAtLeft[1] = 0 :: else -> look[1] = NONE fi
#else
  isLookAtLeft[0] = 0; isLookAtLeft[1] = 0; look[0] = NONE; look[1] = NONE
#endif
#else
  look[0] = NONE; look[1] = NONE
#endif
}

inline renew() {
  if :: right[epoch] < RIGHT -> right[epoch] = RIGHT :: else fi;
  forgetLooks()
}

inline name(t) {
#ifdef PLANT_P2
  if :: renewable && epoch > 1 -> isReservedAgain = 1 :: else fi;
#endif
  renewable = 0; successor = t;
#ifdef PLANNED
  forgetPlan();
#endif
#ifdef LIVE
  isFailingOver = 1; attemptLook[0] = NONE; attemptLook[1] = NONE;
#endif
}

inline take(r) {
#ifdef REACH_RELEASED
  assert(!released);
#endif
#ifdef PLANNED
  concludePlan(r);
#endif
#ifdef PLANT_P2
  if :: isReservedAgain -> isReservedAgain = 0; assert(takenBy[epoch] == r) :: else -> epoch++ fi;
#else
  epoch++;
#endif
  holder = r; renewable = 1; released = 0; successor = NOBODY; takenBy[epoch] = r; lost[1-r] = epoch; right[epoch] = RIGHT;
  opening[r] = 0; isFenceTxDone[r] = 0;   /* the step that begins forbids an older OpenGate (stillAt) */
  isLeaseShut[0] = 0; isLeaseShut[1] = 0;
  for (k : 0 .. 2*K-1) { isShardShut[k] = 0 }
  k = 0;
  forgetLooks();
#ifdef PLANT_C7
  isLookAtLeft[0] = 0; isLookAtLeft[1] = 0; look[0] = NONE; look[1] = NONE
#endif
}

/* ---- the rows of a region ---- */
inline rememberGate(r) {   /* before the row shuts: what a gate that has read it may still answer */
  if
  :: isLeaseOpen(r) && leaseUntil[r] > NOW ->
     gap = (leaseUntil[r]-NOW < CACHE -> leaseUntil[r]-NOW : CACHE) + EFF;
     if :: gap > cached[r] -> cached[r] = gap :: else fi
  :: isLeaseOpen(r) && leaseUntil[r] <= NOW && leaseUntil[r]+EFF > NOW ->
     gap = leaseUntil[r]+EFF-NOW;
     if :: gap > cached[r] -> cached[r] = gap :: else fi
  :: else
  fi;
  gap = 0
}

/* A deadline of an epoch that no row carries any more is forgotten, and the time of a row that is shut for good. */
inline forgetRights(r) {
  for (x : 1 .. ETOP) {
    isAll = 1;
    for (k : 0 .. K-1) { if :: fenceEpoch[F(r,k)] <= x -> isAll = 0 :: else fi }
    if :: takenBy[x] == r && x < epoch && isAll && leaseEpoch[r] > x -> right[x] = 0 :: else fi
  }
  k = 0; x = 0; isAll = 0
}

inline raiseFence(r,n,e) { fenceEpoch[F(r,n)] = e; fenceUntil[F(r,n)] = 0; closedThrough[F(r,n)] = 0; forgetRights(r) }
inline raiseLease(r,e) { rememberGate(r); leaseEpoch[r] = e; leaseUntil[r] = 0; isOpened[r] = 0; forgetRights(r) }
inline closeForGood(r,n) { closedThrough[F(r,n)] = GOOD; fenceUntil[F(r,n)] = 0 }
inline closeLease(r,e) { rememberGate(r); closedEpoch[r] = e; if :: e >= leaseEpoch[r] -> leaseUntil[r] = 0; isOpened[r] = 0 :: else fi }

#ifdef PLANT_C1
#define isLeaseClosed(r) isLeaseShut[r]
#else
#define isLeaseClosed(r) (closedEpoch[r] >= epoch)
#endif
#ifdef PLANT_C3
#define isClosedHere(i) (fenceEpoch[i] == epoch && isShardShut[i])
#else
#define isClosedHere(i) (fenceEpoch[i] == epoch && closedThrough[i] == GOOD)
#endif
#ifdef PLANT_C4
#define isClosedBelow(i) (fenceEpoch[i] >= lost[me] || !isFenceOpen(i))
#else
#define isClosedBelow(i) (fenceEpoch[i] >= lost[me] || closedThrough[i] == GOOD)
#endif

inline closeFenceBelow(r,n) {
#ifdef PLANT_C4
  closedThrough[F(r,n)] = fenceUntil[F(r,n)];
#else
  closeForGood(r,n);
#endif
  if :: allShards(isClosedBelow, r) && barred[r] < lost[r]-1 -> barred[r] = lost[r]-1 :: else fi
}

inline closeFenceOfEpoch(r,n) {
#ifdef PLANT_C3
  closedThrough[F(r,n)] = fenceUntil[F(r,n)]; isShardShut[F(r,n)] = 1;
#else
  closeForGood(r,n);
#endif
  if :: allShards(isClosedHere, r) -> barred[r] = epoch :: else fi
}

inline beginRelease(r) {
#ifdef PLANT_C1
  rememberGate(r); leaseUntil[r] = 0; isLeaseShut[r] = 1;
#else
  closeLease(r, epoch);
#endif
#ifdef PLANT_C2
  waitLeft[r] = 0
#else
  waitLeft[r] = CACHE+SIG+EFF
#endif
}

inline openLease(r) {
  isOpened[r] = 1; opening[r] = 0; isFenceTxDone[r] = 0
}

inline openFences(r) {
  for (k : 0 .. K-1) { if :: fenceUntil[F(r,k)] == 0 -> fenceUntil[F(r,k)] = leaseUntil[r] :: else fi }
  k = 0; isFenceTxDone[r] = 1; opened[r] = opening[r]
}
#define mayOpen(i) (fenceEpoch[i] == opening[me] && closedThrough[i] != GOOD && (fenceUntil[i] > 0 || closedThrough[i] < leaseUntil[me]))
#define isRaised(i) (fenceEpoch[i] >= epoch)

#ifdef PLANT_P1
#define mayExtend(i) (right[fenceEpoch[i]] > fenceUntil[i])
#else
#define mayExtend(i) (fenceUntil[i] > 0 && right[fenceEpoch[i]] > fenceUntil[i])
#endif
#ifdef PLANT_C6
#define isFenceFirst(p, r) 1
#else
#define isFenceFirst(p, r) allShards(p, r)
#endif
#ifdef PLANT_R1
#define isOlder(i) (fenceEpoch[i] > 0)
#else
#define isOlder(i) (fenceEpoch[i] < lost[me])
#endif

inline extendFence(i) {
#ifdef REACH_REOPENED
  assert(closedThrough[i] == 0);
#endif
  fenceUntil[i] = right[fenceEpoch[i]]
}

#define isFaulty 1
#ifndef PLANNED
#define mayName (renewable || successor != me)
#define mayTake (released || isDue(me))
#endif
#ifdef LIVE
#include "calm.pml"
#endif

/* TakeLease's row writes, by whoever repeats them: every fence row first, then the lease row; any epoch that this region took. */
#define RAISE_FENCE(E,N) :: d_step { isFaulty && E <= epoch && takenBy[E] == me && fenceEpoch[F(me,N)] < E -> raiseFence(me,N,E) }
#define isRaisedTo2(i) (fenceEpoch[i] >= 2)
#define isRaisedTo3(i) (fenceEpoch[i] >= 3)
#define isRaisedTo4(i) (fenceEpoch[i] >= 4)
#if K == 2
#define RAISE(E) RAISE_FENCE(E,0) RAISE_FENCE(E,1) RAISE_LEASE(E)
#else
#define RAISE(E) RAISE_FENCE(E,0) RAISE_LEASE(E)
#endif
#define RAISE_LEASE(E) :: d_step { isFaulty && E <= epoch && takenBy[E] == me && leaseEpoch[me] < E && isFenceFirst(isRaisedTo##E, me) -> raiseLease(me,E) }

#define holdsRevoked (isFaulty && holder == me && !renewable && !released)
/* What may happen to one fence row, beside its being raised. */
#define SHARD(N) \
  /* the write of a chosen renewal */ \
  :: d_step { isFaulty && fenceEpoch[F(me,N)] > 0 && takenBy[fenceEpoch[F(me,N)]] == me && closedThrough[F(me,N)] != GOOD && mayExtend(F(me,N)) && right[fenceEpoch[F(me,N)]] > closedThrough[F(me,N)] -> extendFence(F(me,N)) } \
  /* whoever sees its deadline pass closes it through that */ \
  :: d_step { isFaulty && isFenceOpen(F(me,N)) && fenceUntil[F(me,N)] <= NOW+SIG -> closedThrough[F(me,N)] = fenceUntil[F(me,N)] } \
  /* a newer holder was read */ \
  :: d_step { isFaulty && lost[me] > 1 && isOlder(F(me,N)) && !isGood(F(me,N)) -> closeFenceBelow(me,N) } \
  /* release, its own epoch; and a late invocation of an older release */ \
  :: d_step { holdsRevoked && isLeaseClosed(me) && fenceEpoch[F(me,N)] == epoch && !isClosedHere(F(me,N)) -> closeFenceOfEpoch(me,N) } \
  :: d_step { isFaulty && fenceEpoch[F(me,N)] > 0 && fenceEpoch[F(me,N)] < epoch && closedEpoch[me] >= fenceEpoch[F(me,N)] && !isGood(F(me,N)) -> closeForGood(me,N) }

proctype Region(bit me) {
end:
  do
#ifdef LIVE
  :: d_step { isCalm && !isDead[me] && !hasTicked[me] -> calmTick(me); hasTicked[me] = 1 }
  :: d_step { isFaulty && holder == me && renewable && isLeaseOpen(me) && leaseEpoch[me] == epoch && isFailingOver -> isFailingOver = 0 }   /* the register is told that the gate is open */
#endif
  /* Renew: chosen; the rows may follow, at any time, or never. */
  :: d_step { isFaulty && holder == me && renewable && (right[epoch] < RIGHT || look[0] != NONE || look[1] != NONE) -> renew() }
  /* Look, dated when the answers are in. */
#ifdef PLANT_QUESTION
  :: d_step { isFaulty && look[me] == NONE && (holder != me || !renewable) -> look[me] = DUE }
#else
  :: d_step { isFaulty && look[me] == NONE && (holder != me || !renewable) -> look[me] = 0 }
#endif
#ifdef PLANT_ANSWER
  :: d_step { leaseEpoch[me] > 0 && takenBy[leaseEpoch[me]] == me && right[leaseEpoch[me]] < RIGHT -> right[leaseEpoch[me]] = RIGHT }
#endif
#ifdef MINORITY
  :: d_step { holder == me && renewable && !isLeftBehind -> isLeftBehind = 1; leftRight = RIGHT }
  :: d_step { isLeftBehind && holder != me && !isLookAtLeft[me] -> look[me] = 0; isLookAtLeft[me] = 1 }
  :: d_step { isLeftBehind && holder == me && renewable ->   /* it becomes chosen after all: the same renewal, its own begin */
       if :: right[epoch] < leftRight -> right[epoch] = leftRight :: else fi;
       if :: isLookAtLeft[0] -> isLookAtLeft[0] = 0 :: else -> look[0] = NONE fi;
       if :: isLookAtLeft[1] -> isLookAtLeft[1] = 0 :: else -> look[1] = NONE fi;
       isLeftBehind = 0; leftRight = 0 }
#endif
  /* Revocation, lapse, next attempt, roll-back: anybody, at any time, names anybody. */
  :: d_step { isFaulty && epoch < EMAX && mayName -> name(me) }
  /* TakeLease's change of the register. */
  :: d_step { isFaulty && !renewable && successor == me && epoch < EMAX && mayTake -> take(me) }
#ifdef PLANNED
  PLAN
#endif
  RAISE(2)
#if EMAX > 2
  RAISE(3)
#endif
#if EMAX > 3
  RAISE(4)
#endif
  SHARD(0)
#if K == 2
  SHARD(1)
#endif
  /* The lease row's part of a chosen renewal. */
  :: d_step { isFaulty && leaseEpoch[me] > 0 && closedEpoch[me] < leaseEpoch[me] && takenBy[leaseEpoch[me]] == me && right[leaseEpoch[me]] > leaseUntil[me] ->
       leaseUntil[me] = right[leaseEpoch[me]] }
  /* OpenGate: all fence rows in one transaction, then the lease row. */
  :: d_step { isFaulty && opening[me] != epoch && holder == me && renewable && leaseEpoch[me] == epoch && !isOpened[me] && allShards(isRaised, me) && leaseUntil[me] > NOW+EFF ->
       opening[me] = epoch; isFenceTxDone[me] = 0 }
  :: d_step { isFaulty && opening[me] > 0 && !isFenceTxDone[me] && leaseEpoch[me] == opening[me] && leaseUntil[me] > 0 && allShards(mayOpen, me) -> openFences(me) }
  :: d_step { isFaulty && opening[me] > 0 && isFenceTxDone[me] && leaseEpoch[me] == opening[me] && closedEpoch[me] < leaseEpoch[me] -> openLease(me) }
  :: d_step { isFaulty && lost[me] > 1 && closedEpoch[me] < lost[me]-1 -> closeLease(me, lost[me]-1) }
  /* Release, in this order. */
  :: d_step { holdsRevoked && !isLeaseClosed(me) -> beginRelease(me) }
#ifndef PLANNED
  :: d_step { holdsRevoked && isLeaseClosed(me) && allShards(isClosedHere, me) && waitLeft[me] == 0 -> released = 1 }
#endif
  od
}

#ifdef DRIFT
/* A region's clock may lose a unit (0) or gain one (2), not again before D + EPS have passed. */
#define STEADY (DUR+EPS)
inline slip(r) {
  if
  :: sinceSlip[r] >= STEADY -> sinceSlip[r] = 0
  :: else -> sinceSlip[r]++
  fi
}
inline count(r) { if :: sinceSlip[r] < STEADY -> sinceSlip[r]++ :: else fi }
#endif

#define unit(r) pass(r); age(r)
proctype Clock() {
end:
  do
#ifdef LIVE
  :: d_step { (!isCalm || (isDead[0] || hasTicked[0]) && (isDead[1] || hasTicked[1])) -> hasTicked[0] = 0; hasTicked[1] = 0; unit(0); unit(1); pack(0); pack(1) }
  :: d_step { !isCalm -> calm(0, 0) }
  :: d_step { !isCalm -> calm(1, 0) }
  :: d_step { !isCalm -> calm(0, 1) }
#ifdef PLANNED
  :: d_step { !isCalm -> calm(1, 0); isQuiet = 1 }
  :: d_step { !isCalm -> calm(0, 1); isQuiet = 1 }
#endif
#else
#ifdef DRIFT
  :: d_step { 1 -> unit(0); unit(1); count(0); count(1); pack(0); pack(1) }
  :: d_step { sinceSlip[0] == STEADY -> age(0); unit(1); sinceSlip[0] = 0; count(1); pack(0); pack(1) }
  :: d_step { sinceSlip[1] == STEADY -> unit(0); age(1); sinceSlip[1] = 0; count(0); pack(0); pack(1) }
  :: d_step { sinceSlip[0] == STEADY -> pass(0); unit(0); unit(1); sinceSlip[0] = 0; count(1); pack(0); pack(1) }
  :: d_step { sinceSlip[1] == STEADY -> unit(0); pass(1); unit(1); sinceSlip[1] = 0; count(0); pack(0); pack(1) }
  :: d_step { sinceSlip[0] == STEADY && sinceSlip[1] == STEADY -> age(0); pass(1); unit(1); sinceSlip[0] = 0; sinceSlip[1] = 0; pack(0); pack(1) }
  :: d_step { sinceSlip[0] == STEADY && sinceSlip[1] == STEADY -> pass(0); unit(0); age(1); sinceSlip[0] = 0; sinceSlip[1] = 0; pack(0); pack(1) }
#else
  :: d_step { 1 -> unit(0); unit(1); pack(0); pack(1) }
#endif
#endif
  od
}

/* ---- what may never be ---- */
#define twoMayAnswer (mayAnswer(0) && mayAnswer(1))
#define isLate(r,n)      (isFenceOpen(F(r,n)) && fenceEpoch[F(r,n)] <= barred[r])        /* after the ship, or after the collecting (C3, C4) */
#define isOfOldEpoch(r,n) (isFenceOpen(F(r,n)) && fenceEpoch[F(r,n)] < leaseEpoch[r])    /* into the surviving history (C6) */
#define isEarly(r,n)     (isFenceOpen(F(r,n)) && fenceEpoch[F(r,n)] > opened[r])         /* before OpenGate (P1) */
#define isShutForGood(r,n) (holder == r && renewable && fenceEpoch[F(r,n)] == epoch && closedThrough[F(r,n)] == GOOD) /* (R1) */

active proctype Monitor() {
end:
  if
  :: d_step { twoMayAnswer -> assert(!twoMayAnswer) }
  :: d_step { anyShard(isLate) -> assert(!anyShard(isLate)) }
  :: d_step { anyShard(isOfOldEpoch) -> assert(!anyShard(isOfOldEpoch)) }
  :: d_step { anyShard(isEarly) -> assert(!anyShard(isEarly)) }
  :: d_step { anyShard(isShutForGood) -> assert(!anyShard(isShutForGood)) }
#ifdef PLANNED
  :: d_step { isLeftBehindByPlan -> assert(!isLeftBehindByPlan) }
#ifdef REACH_PLANNED
  :: d_step { planned && holder == 1 && isServing(1) -> assert(false) }
#endif
#ifdef REACH_HANDBACK
  :: d_step { isHandedBack && isServing(0) -> assert(false) }
#endif
#ifdef REACH_PLANNED_AGAIN
  :: d_step { isHandedBack && planned && holder == 1 && isServing(1) -> assert(false) }
#endif
#ifdef REACH_NEXT
  :: d_step { wasPlanned && isServing(1) -> assert(false) }
#endif
#endif
#ifdef REACH_SECOND
  :: d_step { isServing(1) -> assert(!isServing(1)) }
#endif
#ifdef REACH_RETURN
  :: d_step { isServing(0) && epoch > 2 -> assert(false) }
#endif
#ifdef REACH_THREE
  :: d_step { isServing(holder) && epoch == 4 -> assert(false) }
#endif
#ifdef REACH_ZOMBIE
  /* a renewal that was chosen before its epoch was closed for good still wants to write */
  :: d_step { leaseEpoch[0] > 0 && closedEpoch[0] >= leaseEpoch[0] && right[leaseEpoch[0]] > NOW -> assert(false) }
#endif
#ifdef REACH_CACHED
  :: d_step { cached[0] > 0 && !isLeaseOpen(0) -> assert(false) }
#endif
#ifdef REACH_SHARDS
  :: d_step { fenceEpoch[0] != fenceEpoch[K-1] -> assert(false) }
#endif
#ifdef REACH_CALM
  :: d_step { isCalm && isDead[0] && isServing(1) -> assert(false) }
#endif
#ifdef REACH_CALM_HANDBACK
  :: d_step { isCalm && isHandedBack && isDead[1] && isServing(0) -> assert(false) }
#endif
#ifdef REACH_LATE_LOOK
  :: d_step { isLookAtLeft[1] && look[1] >= DUE && look[1] != NONE -> assert(false) }
#endif
  fi
}

init {
  d_step {
    right[1] = RIGHT; leaseEpoch[0] = 1; leaseUntil[0] = RIGHT; isOpened[0] = 1; opened[0] = 1;
    for (k : 0 .. K-1) { fenceEpoch[k] = 1; fenceUntil[k] = RIGHT }
    lost[1] = 1; k = 0;
#ifdef DRIFT
    sinceSlip[0] = STEADY; sinceSlip[1] = STEADY;
#endif
  }
  atomic { run Region(0); run Region(1); run Clock() }
}

#ifdef LIVE
ltl serves { <> isCalm -> <>[] (isServing(0) || isServing(1)) }
#endif
