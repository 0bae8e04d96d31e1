/* Liveness: faults stop. From any state that faults can bring about, every invocation under way dies, one region may be dead for
 * good, and each living region does its whole tick at every unit of time. Then somebody must come to serve, and go on serving.
 * (Included by lease.pml with -DLIVE.)
 */
#undef isFaulty
#define isFaulty (!isCalm)
#define CALM_TAKEOVERS 3

inline calm(isDead0, isDead1) {
#ifdef PLANNED
  isQuiet = 0; isJudged = 0; releasing[0] = 0; releasing[1] = 0; handing[0] = 0; handing[1] = 0;
#endif
  isCalm = 1; isDead[0] = isDead0; isDead[1] = isDead1; hasTicked[0] = 0; hasTicked[1] = 0;
  /* OpenGate is a step that is asked for again; what a gate or a release under way remembers is over. */
  opening[0] = 0; opening[1] = 0; isFenceTxDone[0] = 0; isFenceTxDone[1] = 0
}

inline calmRaise(r) {
  for (k : 0 .. K-1) {
    if :: fenceEpoch[F(r,k)] < epoch -> fenceEpoch[F(r,k)] = epoch; fenceUntil[F(r,k)] = 0; closedThrough[F(r,k)] = 0 :: else fi
  }
  k = 0;
  if :: leaseEpoch[r] < epoch -> raiseLease(r, epoch) :: else fi
}

inline calmExtend(r) {
  if :: closedEpoch[r] < epoch && leaseEpoch[r] == epoch && right[epoch] > leaseUntil[r] -> leaseUntil[r] = right[epoch] :: else fi;
  for (k : 0 .. K-1) {
    if
    :: fenceEpoch[F(r,k)] == epoch && fenceUntil[F(r,k)] > 0 && closedThrough[F(r,k)] != GOOD && right[epoch] > fenceUntil[F(r,k)] && right[epoch] > closedThrough[F(r,k)] ->
       fenceUntil[F(r,k)] = right[epoch]
    :: else
    fi
  }
  k = 0
}

inline calmOpen(r) {
  if
  :: isFailingOver && leaseEpoch[r] == epoch && closedEpoch[r] < epoch && leaseUntil[r] > NOW+EFF ->
     isAll = 1;
     for (k : 0 .. K-1) {
       if
       :: isFenceOpen(F(r,k)) -> skip
       :: !isFenceOpen(F(r,k)) && fenceEpoch[F(r,k)] == epoch && closedThrough[F(r,k)] < leaseUntil[r] && fenceUntil[F(r,k)] < leaseUntil[r] -> fenceUntil[F(r,k)] = leaseUntil[r]
       :: else -> isAll = 0
       fi
     }
     k = 0; opened[r] = epoch;
     if :: isAll -> isOpened[r] = 1; isFailingOver = 0 :: else fi;
     isAll = 0
  :: else
  fi
}

inline calmRelease(r) {
  if :: closedEpoch[r] < epoch -> beginRelease(r) :: else fi;
  for (k : 0 .. K-1) { fenceEpoch[F(r,k)] = epoch; closedThrough[F(r,k)] = GOOD; fenceUntil[F(r,k)] = 0 }
  k = 0; barred[r] = epoch;
  if :: waitLeft[r] == 0 -> released = 1 :: else fi
}

#ifdef PLANNED
#define isFoundFailing(r) (isDead[r] && !isQuiet)
#define mayCalmTake(r) (released || isDue(r) && (!planned || isFoundFailing(holder)))

/* As calmRelease; the holder hands back where the successor fails or the hand-over takes too long. */
inline calmHandOver(r) {
  if :: closedEpoch[r] < epoch -> beginRelease(r) :: else fi;
  for (k : 0 .. K-1) { fenceEpoch[F(r,k)] = epoch; closedThrough[F(r,k)] = GOOD; fenceUntil[F(r,k)] = 0 }
  k = 0; barred[r] = epoch;
  if
  :: isFoundFailing(1-r) || !isComplete(r) && attemptLook[r] != NONE && attemptLook[r] >= HANDOVER -> handBack(r); calmRaise(r)
  :: else -> if :: isComplete(r) -> released = 1 :: else fi
  fi
}
#else
#define mayCalmTake(r) (released || isDue(r))
#endif

inline calmClose(r) {
  for (k : 0 .. K-1) {
    if :: isFenceOpen(F(r,k)) && fenceUntil[F(r,k)] <= NOW+SIG -> closedThrough[F(r,k)] = fenceUntil[F(r,k)] :: else fi;
    if :: holder != r && fenceEpoch[F(r,k)] < lost[r] && closedThrough[F(r,k)] != GOOD -> closedThrough[F(r,k)] = GOOD; fenceUntil[F(r,k)] = 0 :: else fi
  }
  k = 0;
  if :: holder != r && lost[r] > 1 && closedEpoch[r] < lost[r]-1 -> closeLease(r, lost[r]-1) :: else fi
}

#ifdef PLANT_R2
/* Nobody repeats a half-done take-over, and no attempt is dead once it has taken (either alone is made good by the other). */
#define isRepeated 0
#define isAttemptDead(r) (!renewable && attemptLook[r] != NONE && attemptLook[r] >= LIMIT)
#else
#define isRepeated 1
#endif
#ifdef PLANT_C5
#define isAttemptDead(r) 0
#endif
#ifndef isAttemptDead
#define isAttemptDead(r) (attemptLook[r] != NONE && attemptLook[r] >= LIMIT)
#endif

/* One tick of a living region's governor and the steps that its runbook takes meanwhile. */
inline calmTick(r) {
  if :: look[r] == NONE -> look[r] = 0 :: else fi;
  if :: attemptLook[r] == NONE -> attemptLook[r] = 0 :: else fi;
  calmClose(r);
  if
  :: holder == r && renewable ->
     if :: isRepeated -> calmRaise(r) :: else fi;
     if :: right[epoch] < RIGHT -> right[epoch] = RIGHT :: else fi;
     look[0] = NONE; look[1] = NONE;
     calmExtend(r); calmOpen(r)
#ifdef PLANNED
  :: holder == r && !renewable && !released && planned && epoch < ETOP -> calmHandOver(r)
  :: holder == r && !renewable && !released && !planned -> calmRelease(r)
#else
  :: holder == r && !renewable && !released -> calmRelease(r)
#endif
  :: else
  fi;
  if
  :: holder != r && renewable && look[r] != NONE && look[r] >= DUE -> name(r)
  :: (isFailingOver) && isAttemptDead(r) -> name(r)
  :: else
  fi;
  if
  :: !renewable && successor == r && epoch < ETOP && mayCalmTake(r) ->
     take(r); calmRaise(r)
  :: else
  fi
}
