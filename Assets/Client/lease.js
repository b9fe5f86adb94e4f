// How long a device may show a scope without having heard from the server: the lease. It is a number of
// days, off by default. When it is over, the records are hidden, not deleted: the next answer shows
// them again, or says that they are to go. A clock that says "before the last contact" has been set
// back, and counts as over; a lease is for lost devices, and does not hold against their developer tools.

const dayMs = 86_400_000;

/**
 * Tells whether the lease is over.
 * @param {number} days of the lease; 0 for none
 * @param {Date|null} contact when the server was heard last; null counts as now, for nothing is kept
 * @param {number} nowMs by this device's clock
 */
export function isLeaseOver(days, contact, nowMs = Date.now()) {
  if (!(days > 0) || !contact) return false;
  const age = nowMs - contact.getTime();
  return age > days * dayMs || age < -dayMs;
}
