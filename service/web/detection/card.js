// What the card of a model says: its threshold, its calibration and its curve of false alarms.

// The card of the model that is chosen; null until the models are known.
export function cardOf({ models, model }) {
  return models.find((card) => nameOf(card) === model) ?? null;
}

export const nameOf = ({ name, version }) => `${name}@${version}`;

// False alarms in a million pixels, by the names that requests use.
export const SENSITIVITIES = { quiet: 0.1, balanced: 1, high: 10 };

// The lowest confidence that a named sensitivity keeps, by the same rule as the service: the first point of the curve
// with at most this rate, or else its last point.
export function lowestConfidence({ operating_points: curve }, sensitivity) {
  const rate = SENSITIVITIES[sensitivity];
  const index = curve.false_alarms_per_mpx.findIndex((value) => value <= rate);
  return curve.confidences.at(index);
}

// What a person should know about the rate of a named sensitivity; "" if the curve knows the rate well. The answer that
// the page shows was asked for without a sensitivity, so the service does not say it there.
export function rateWarning(card, sensitivity) {
  const from = card?.operating_points?.known_from_per_mpx;
  if (!(SENSITIVITIES[sensitivity] < from)) return "";
  return `${sensitivity} is uncertain: the curve of this model knows rates from ${from.toPrecision(2)} per megapixel`;
}

// The confidence of a score, linear between the points of the calibration.
export function confidenceOf(score, { scores, confidences }) {
  const after = scores.findIndex((value) => value >= score);
  if (after === 0) return confidences[0];
  if (after < 0) return confidences.at(-1);
  const share = (score - scores[after - 1]) / (scores[after] - scores[after - 1]);
  return confidences[after - 1] + share * (confidences[after] - confidences[after - 1]);
}
